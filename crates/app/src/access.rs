//! Who may do what: roles, rights, and whoever calls.
//!
//! This module refuses to know routes and headers; it is told a key and answers who that is.

mod gate;
mod keys;
mod secret;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::AuditRow;

use crate::{App, Error, FieldError};

pub(crate) use gate::Gate;
pub use gate::{Pass, Refusal};
pub(crate) use keys::is_name;
pub use keys::{KeyItem, MadeKey, NewKey};

/// Who asks for what nobody asked for.
pub(crate) const ITSELF: &str = "the server itself";

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks at everything and changes nothing.
    Viewer,
    /// A viewer who decides, fetches, fills, refreshes and schedules.
    Operator,
    /// An operator who also makes keys and reads the record of changes.
    Admin,
    /// The platform that sends every customer's snapshots and looks at everything.
    Platform,
    /// One customer: decides, and sees its own decisions and public prices.
    Tenant,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] =
        [Role::Viewer, Role::Operator, Role::Admin, Role::Platform, Role::Tenant];

    /// As it is stored and written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
            Role::Platform => "platform",
            Role::Tenant => "tenant",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether the role has a right: the table of both, on one screen.
    #[must_use]
    pub fn may(self, right: Right) -> bool {
        use Right::{Administer, Anybody, Decide, LookAtOperations, LookAtOwn, Operate};
        match right {
            // Public prices, and whatever of the caller's own there is.
            Anybody | LookAtOwn => true,
            LookAtOperations => self != Role::Tenant,
            Decide => self != Role::Viewer,
            Operate => matches!(self, Role::Operator | Role::Admin),
            Administer => self == Role::Admin,
        }
    }
}

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// No key: signs of life, and pages that hold nothing.
    Anybody,
    /// Any key: public prices, and the caller's own decisions; those of all to whoever is no tenant.
    LookAtOwn,
    /// To see models, gaps, refreshes, schedules and jobs.
    LookAtOperations,
    /// To have decisions made.
    Decide,
    /// To start, schedule and call off work, and to record models.
    Operate,
    /// To make and revoke keys and to read the record of changes.
    Administer,
}

impl Right {
    /// Every right.
    pub const ALL: [Right; 6] = [
        Right::Anybody,
        Right::LookAtOwn,
        Right::LookAtOperations,
        Right::Decide,
        Right::Operate,
        Right::Administer,
    ];

    /// The roles that have it.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| role.may(self))
    }
}

/// Whoever calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As records name it; no secrets.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The customer it speaks for.
    pub customer_id: Option<String>,
}

impl Caller {
    /// Everybody on this machine, while there are no keys.
    #[must_use]
    pub fn development() -> Caller {
        Caller { name: "development".to_owned(), role: Role::Admin, customer_id: None }
    }

    /// The server, where it does what nobody asked for.
    #[must_use]
    pub fn server() -> Caller {
        Caller { name: ITSELF.to_owned(), role: Role::Admin, customer_id: None }
    }

    /// Whoever uses the command line on the store itself.
    #[must_use]
    pub fn command_line() -> Caller {
        Caller { name: "command line".to_owned(), role: Role::Admin, customer_id: None }
    }

    /// The same caller, about the cluster of a customer: what it keeps is that customer's. A tenant is its
    /// own customer and nobody else's.
    ///
    /// # Errors
    /// A name that is none; another customer than a tenant's own.
    pub fn speaking_for(self, customer: &str) -> Result<Caller, Error> {
        let wrong = |code, detail: &str| {
            let pointer = "X-Customer-ID".to_owned();
            Error::Invalid(vec![FieldError { pointer, code, detail: detail.to_owned() }])
        };
        if !keys::is_name(customer) {
            return Err(wrong("invalid", "expected the name of a customer, 1 to 200 bytes"));
        }
        if self.role == Role::Tenant && self.customer_id.as_deref() != Some(customer) {
            return Err(wrong("mismatch", "the key speaks for another customer"));
        }
        Ok(Caller { customer_id: Some(customer.to_owned()), ..self })
    }

    /// The customer whose clusters a call asks for: the one that it names, or the one to whom the caller
    /// is confined; `None` for those of all. Customers may call their clusters alike.
    #[must_use]
    pub fn asks_for(&self) -> Option<&str> {
        self.confined_to().or(self.customer_id.as_deref())
    }

    /// The customer to whose decisions the caller is confined; `None` when it sees all.
    #[must_use]
    pub fn confined_to(&self) -> Option<&str> {
        // A tenant's key without a customer sees what nobody made.
        let tenant = self.role == Role::Tenant;
        tenant.then(|| self.customer_id.as_deref().unwrap_or("\u{0}"))
    }
}

impl App {
    /// What is noted of a change by a caller, at this instant.
    pub(crate) fn note(
        &self,
        caller: &Caller,
        action: &str,
        subject: String,
        detail: serde_json::Value,
    ) -> AuditRow {
        AuditRow {
            happened_at: self.clock.now(),
            actor: caller.name.clone(),
            action: action.to_owned(),
            subject,
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_right_belongs_to_its_roles() {
        let check = |right: Right, expected: &str| {
            let roles: Vec<&str> = right.roles().map(Role::name).collect();
            assert_eq!(roles.join(" "), expected, "{right:?}");
        };
        check(Right::Anybody, "viewer operator admin platform tenant");
        check(Right::LookAtOwn, "viewer operator admin platform tenant");
        check(Right::LookAtOperations, "viewer operator admin platform");
        check(Right::Decide, "operator admin platform tenant");
        check(Right::Operate, "operator admin");
        check(Right::Administer, "admin");
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
    }

    #[test]
    fn a_platform_speaks_for_whom_it_names_and_a_tenant_for_itself() {
        let caller = |role, customer: Option<&str>| Caller {
            name: String::new(),
            role,
            customer_id: customer.map(str::to_owned),
        };
        let named = caller(Role::Platform, None).speaking_for("acme").unwrap();
        assert_eq!(named.customer_id.as_deref(), Some("acme"));
        assert_eq!(named.confined_to(), None, "it sees everything all the same");
        assert_eq!(named.asks_for(), Some("acme"));
        assert_eq!(caller(Role::Platform, None).asks_for(), None);
        assert_eq!(caller(Role::Tenant, None).asks_for(), Some("\u{0}"));
        assert!(caller(Role::Tenant, Some("acme")).speaking_for("acme").is_ok());
        for (customer, other) in [(Some("acme"), "other"), (None, "acme"), (Some("a"), "A")] {
            assert!(caller(Role::Tenant, customer).speaking_for(other).is_err(), "{other}");
        }
        for wrong in ["", " ", "a\n", &"x".repeat(201)] {
            assert!(caller(Role::Platform, None).speaking_for(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_tenants_are_confined() {
        let caller = |role, customer: Option<&str>| Caller {
            name: String::new(),
            role,
            customer_id: customer.map(str::to_owned),
        };
        assert_eq!(caller(Role::Tenant, Some("acme")).confined_to(), Some("acme"));
        assert_eq!(caller(Role::Tenant, None).confined_to(), Some("\u{0}"));
        assert_eq!(caller(Role::Platform, None).confined_to(), None);
        assert_eq!(caller(Role::Viewer, Some("acme")).confined_to(), None);
    }
}
