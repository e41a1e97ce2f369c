//! The page: whole, without anything from elsewhere, and with the numbers of its pictures.

use backtest::{PolicyName, html};

use super::golden::{settings, small};

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let (report, _) = small(&[], &settings());
    let page = html(&report);
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    for foreign in ["http:", "https:", "<script", "<link", "<img", "@import", "url("] {
        assert!(!addresses.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("lang=\"en\""));
    assert!(!page.contains("#010101") && !page.contains("#0303"), "a colour was not replaced");
    assert_eq!(page, html(&report));
}

#[test]
fn every_picture_is_named_and_described() {
    let (report, _) = small(&[], &settings());
    let page = html(&report);
    let pictures: Vec<&str> = page.split("<svg ").skip(1).collect();
    assert_eq!(pictures.len(), 2);
    for picture in pictures {
        let head = &picture[..picture.find("</desc>").unwrap()];
        assert!(
            head.contains("role=\"img\"")
                && head.contains("<title id=")
                && head.contains("<desc id=")
        );
    }
    let own =
        report.runs[0].policies.iter().find(|one| one.policy == PolicyName::Adaptive).unwrap();
    let shown = format!("{:.2}", own.full_cost_usd.value);
    assert!(page.contains(&format!("<td>{shown}<span")), "{shown}");
}
