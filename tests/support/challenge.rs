//! Challenges, as a parser that nobody here wrote reads them.

use http::HeaderMap;

/// One challenge of a `WWW-Authenticate` field (RFC 9110 section 11.6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) scheme: String,
    /// Names in lower case, values without quotes and backslashes.
    pub(crate) parameters: Vec<(String, String)>,
}

/// All challenges of a response, or what is wrong with them.
pub(crate) fn read(fields: &HeaderMap) -> Result<Vec<Challenge>, String> {
    let mut challenges = Vec::new();
    for line in fields.get_all("www-authenticate") {
        let line = line.to_str().map_err(|error| error.to_string())?;
        let read = http_auth::parse_challenges(line).map_err(|error| error.to_string())?;
        challenges.extend(read.into_iter().map(|challenge| {
            let parameter = |(name, value): &(&str, http_auth::ParamValue<'_>)| {
                (name.to_lowercase(), value.to_unescaped())
            };
            Challenge {
                scheme: challenge.scheme.to_owned(),
                parameters: challenge.params.iter().map(parameter).collect(),
            }
        }));
    }
    Ok(challenges)
}

/// The error code of a response's challenges, if there is one.
pub(crate) fn error(fields: &HeaderMap) -> Option<String> {
    let challenges = read(fields).expect("challenges can be read");
    let mut errors = challenges
        .iter()
        .filter_map(|challenge| challenge.get("error"));
    errors.next().map(str::to_owned)
}

impl Challenge {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let parameter = parameters.find(|(own, _)| own == name);
        parameter.map(|(_, value)| value.as_str())
    }

    /// What RFC 6750 section 3 does not allow: a parameter twice, a character outside of its set.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            let before = &self.parameters[..index];
            if before.iter().any(|(other, _)| other == name) {
                faults.push(format!("{} repeats {name}", self.scheme));
            }
            let spaced = matches!(name.as_str(), "error" | "error_description" | "scope");
            if spaced && !value.bytes().all(is_in_description) {
                faults.push(format!("{name} outside of its characters: {value:?}"));
            }
        }
        faults
    }
}

fn is_in_description(byte: u8) -> bool {
    matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}
