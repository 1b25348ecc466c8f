//! What is asked for, checked by the rule for the permissions of roles.

use std::borrow::Cow;

use guildhall_access::Demand;
use guildhall_types::FieldError;
use guildhall_types::access::{Asked, Mode};
use serde::Serialize;

use crate::normalise;

/// The permissions of one question.
#[derive(Clone, Debug, Serialize)]
pub struct Demanded<'a> {
    asked: Asked<'a>,
    mode: Mode,
}

/// The same permissions, borrowed. One stands in place: nearly every question is of one.
#[derive(Clone, Debug)]
pub enum Texts<'a> {
    /// One permission.
    One([&'a str; 1]),
    /// Several.
    Many(Vec<&'a str>),
}

impl<'a> Texts<'a> {
    /// The texts.
    pub fn as_slice(&self) -> &[&'a str] {
        match self {
            Self::One(texts) => texts,
            Self::Many(texts) => texts,
        }
    }
}

impl<'a> Demanded<'a> {
    /// Checks each permission; `field` is where the request has them.
    pub fn check(field: &str, asked: Asked<'a>, mode: Option<Mode>) -> Result<Self, FieldError> {
        let asked = match asked {
            Asked::One(permission) => Asked::One(self::permission(field, permission)?),
            Asked::Many(permissions) => Asked::Many(each(field, permissions)?),
        };
        Ok(Self {
            asked,
            mode: mode.unwrap_or_default(),
        })
    }

    /// The same, without what it was read from.
    pub fn into_owned(self) -> Demanded<'static> {
        let own = |permission: Cow<'_, str>| Cow::Owned(permission.into_owned());
        Demanded {
            asked: match self.asked {
                Asked::One(permission) => Asked::One(own(permission)),
                Asked::Many(permissions) => Asked::Many(permissions.into_iter().map(own).collect()),
            },
            mode: self.mode,
        }
    }

    /// The permissions, for [`Demanded::demand`].
    pub fn texts(&self) -> Texts<'_> {
        match &self.asked {
            Asked::One(permission) => Texts::One([permission]),
            Asked::Many(permissions) => {
                Texts::Many(permissions.iter().map(AsRef::as_ref).collect())
            }
        }
    }

    /// The demand of the engine.
    pub fn demand<'t>(&self, texts: &'t Texts<'t>) -> Demand<'t> {
        let texts = texts.as_slice();
        match self.mode {
            Mode::All => Demand::All(texts),
            Mode::Any => Demand::Any(texts),
        }
    }
}

fn permission<'a>(field: &str, raw: Cow<'a, str>) -> Result<Cow<'a, str>, FieldError> {
    normalise::permission_asked(raw).map_err(|fault| FieldError {
        field: field.to_owned(),
        message: fault.message,
    })
}

fn each<'a>(field: &str, permissions: Vec<Cow<'a, str>>) -> Result<Vec<Cow<'a, str>>, FieldError> {
    let check = |(index, permission)| {
        self::permission(field, permission).map_err(|fault| FieldError {
            field: format!("{field}.{index}"),
            ..fault
        })
    };
    permissions.into_iter().enumerate().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_permission_is_named_by_its_place() {
        let check = |asked| Demanded::check("permission", asked, None).map_err(|fault| fault.field);
        assert!(check(Asked::One("a:b".into())).is_ok());
        assert_eq!(check(Asked::One("a b".into())).unwrap_err(), "permission");
        let several = Asked::Many(vec!["a".into(), "".into()]);
        assert_eq!(check(several).unwrap_err(), "permission.1");
    }
}
