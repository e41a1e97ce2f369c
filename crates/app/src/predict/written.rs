//! Predictions of interruptions as JSON, thousands in one answer: the bytes of the serialiser, with the
//! names of all fields in few pieces.

use serde::Serialize;
use store::Uuid;

use super::{PredictedPools, SpotPrediction};
use crate::Error;

/// About the bytes of one prediction.
const PREDICTION: usize = 448;

impl PredictedPools<SpotPrediction<'_>> {
    /// The answer as JSON, field by field what [`Serialize`] says.
    ///
    /// # Errors
    /// None that is known.
    pub fn json(&self) -> Result<Vec<u8>, Error> {
        let mut into = Vec::with_capacity((self.predictions.len() + 1) * PREDICTION);
        self.write(&mut into).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(into)
    }

    fn write(&self, into: &mut Vec<u8>) -> serde_json::Result<()> {
        field(into, r#"{"model":"#, &self.model)?;
        field(into, r#","as_of":"#, &self.as_of)?;
        text(into, r#","predictions":["#);
        for (at, prediction) in self.predictions.iter().enumerate() {
            if at > 0 {
                into.push(b',');
            }
            write_prediction(into, prediction)?;
        }
        text(into, "]}");
        Ok(())
    }
}

fn write_prediction(into: &mut Vec<u8>, of: &SpotPrediction<'_>) -> serde_json::Result<()> {
    text(into, r#"{"prediction_id":""#);
    text(into, of.prediction_id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    // Names of types, regions and zones were looked at: no letter of theirs has another form in JSON.
    text(into, r#"","instance_type":""#);
    text(into, of.instance_type);
    text(into, r#"","region":""#);
    text(into, of.region);
    match of.az {
        Some(zone) => {
            text(into, r#"","az":""#);
            text(into, zone);
            text(into, r#"","interruption_probability":"#);
        }
        None => text(into, r#"","az":null,"interruption_probability":"#),
    }
    number(into, Some(of.interruption_probability))?;
    field(into, r#","horizon":"#, &of.horizon)?;
    text(into, r#","low":"#);
    number(into, of.low)?;
    text(into, r#","high":"#);
    number(into, of.high)?;
    text(into, r#","probabilities":{"1h":"#);
    number(into, Some(of.probabilities.hour))?;
    text(into, r#","6h":"#);
    number(into, Some(of.probabilities.six_hours))?;
    text(into, r#","24h":"#);
    number(into, Some(of.probabilities.day))?;
    text(into, r#","30d":"#);
    number(into, Some(of.probabilities.month))?;
    text(into, r#"},"confidence":"#);
    number(into, Some(of.confidence))?;
    text(into, r#","recommendation":""#);
    text(into, of.recommendation);
    field(into, r#"","basis":"#, &of.basis)?;
    if !of.warnings.is_empty() {
        field(into, r#","warnings":"#, &of.warnings)?;
    }
    into.push(b'}');
    Ok(())
}

fn field(into: &mut Vec<u8>, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
    text(into, name);
    serde_json::to_writer(into, value)
}

fn number(into: &mut Vec<u8>, number: Option<f64>) -> serde_json::Result<()> {
    match number {
        Some(number) => serde_json::to_writer(into, &number),
        None => {
            text(into, "null");
            Ok(())
        }
    }
}

fn text(into: &mut Vec<u8>, text: &str) {
    into.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use learning::Horizon;

    use super::*;
    use crate::predict::{AnsweringModel, Basis, Probabilities};

    fn prediction(basis: Basis, warnings: Vec<&'static str>) -> SpotPrediction<'static> {
        let known = basis == Basis::Model;
        SpotPrediction {
            prediction_id: Uuid::from_u128(0x0192_abcd_ef01_7234_8567_89ab_cdef_0123),
            instance_type: "m7i-flex.large",
            region: "us-east-1",
            az: known.then_some("us-east-1a"),
            interruption_probability: 0.012_345_678,
            horizon: if known { Horizon::Hour } else { Horizon::Day },
            low: (!known).then_some(1e-9),
            high: (!known).then_some(1.0),
            probabilities: Probabilities { hour: 0.0, six_hours: 0.5, day: f64::NAN, month: 1.0 },
            confidence: 0.987_654,
            recommendation: "spread",
            basis,
            warnings,
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_serialiser() {
        let model = AnsweringModel {
            model_id: "one".to_owned(),
            name: "a \"name\"".to_owned(),
            version: "1\n".to_owned(),
        };
        let all = [
            prediction(Basis::Model, vec![]),
            prediction(Basis::InterruptionClass, vec!["what is \"not\" known", "more"]),
        ];
        for (model, count) in [(None, 0), (None, 1), (Some(model), 2)] {
            let predictions = all[..count].to_vec();
            let answer = PredictedPools { model, as_of: Timestamp::UNIX_EPOCH, predictions };
            let wanted = serde_json::to_string(&answer).unwrap();
            assert_eq!(String::from_utf8(answer.json().unwrap()).unwrap(), wanted);
        }
    }
}
