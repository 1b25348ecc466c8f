//! What is accepted and refused before a transaction begins.

use super::*;

fn refused(refusal: Refusal) -> crate::refusal::Refused {
    match refusal {
        Refusal::Refused(refused) => *refused,
        Refusal::Failed(failure) => panic!("{}", failure.chain()),
    }
}

#[test]
fn a_password_is_refused_and_shown_to_nobody() {
    let form = || UserForm {
        password: Some("hunter2".to_owned()),
        ..UserForm::default()
    };
    assert!(!format!("{:?}", form()).contains("hunter2"));
    for refusal in [
        CreateUser::check(form()).unwrap_err(),
        UpdateUser::check(form()).unwrap_err(),
    ] {
        let refused = refused(refusal);
        assert_eq!(refused.code, ErrorCode::PasswordNotSupported);
        assert!(refused.message.contains("identity provider"));
        assert!(!refused.message.contains("hunter2"));
    }
}

#[test]
fn an_empty_form_creates_a_user_with_the_defaults() {
    // What the Rust SDK sends when it is given nothing.
    let form = UserForm {
        password: Some(String::new()),
        skip_password_check: Some("false".to_owned()),
        ..UserForm::default()
    };
    let command = CreateUser::check(form).unwrap();
    assert_eq!(
        (command.first_name.as_str(), command.username.as_str()),
        ("", "")
    );
    assert!(command.email.is_none() && command.phone.is_none() && command.external_id.is_none());
    assert!(!command.disabled && command.image.is_none());
    assert_eq!(command.second_factor_policy, SecondFactorPolicy::Optional);
    assert_eq!(command.public_metadata, JsonObject::empty());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let form = UserForm {
        first_name: Some("x".repeat(PERSON_NAME_CHARS_MAX + 1)),
        username: Some("a b".to_owned()),
        private_metadata: Some("[]".to_owned()),
        disabled: Some("yes".to_owned()),
        second_factor_policy: Some("sometimes".to_owned()),
        ..UserForm::default()
    };
    let refused = refused(CreateUser::check(form).unwrap_err());
    let fields: Vec<_> = refused
        .fields
        .iter()
        .map(|fault| fault.field.as_str())
        .collect();
    let expected = [
        "first_name",
        "username",
        "private_metadata",
        "disabled",
        "second_factor_policy",
    ];
    assert_eq!(fields, expected);
    assert!(
        refused
            .message
            .contains("must be one of `none`, `optional`, `enforced`")
    );
}

#[test]
fn a_conflicting_field_is_named_as_the_form_names_it() {
    let form = UserForm {
        email_address: Some("ava".to_owned()),
        phone_number: Some("seven".to_owned()),
        ..UserForm::default()
    };
    let refused = refused(CreateUser::check(form).unwrap_err());
    let fields: Vec<_> = refused
        .fields
        .iter()
        .map(|fault| fault.field.as_str())
        .collect();
    assert_eq!(fields, ["email_address", "phone_number"]);
}

#[test]
fn a_name_is_one_visible_line() {
    for name in ["Ava\nStone", "Ava\0", "Ava\u{202e}", "Ava\u{200b}"] {
        let form = || UserForm {
            last_name: Some(name.to_owned()),
            ..UserForm::default()
        };
        assert!(
            CreateUser::check(form()).is_err() && UpdateUser::check(form()).is_err(),
            "{name:?}"
        );
    }
}

#[test]
fn an_update_that_says_nothing_is_refused() {
    let silent = [
        UserForm::default(),
        UserForm {
            first_name: Some(String::new()),
            last_name: Some(" ".to_owned()),
            username: Some(String::new()),
            public_metadata: Some(" ".to_owned()),
            disabled: Some(String::new()),
            second_factor_policy: Some(String::new()),
            profile_image: Some(Vec::new()),
            remove_profile_image: Some("false".to_owned()),
            ..UserForm::default()
        },
        // These have routes of their own.
        UserForm {
            email_address: Some("ava@example.com".to_owned()),
            ..UserForm::default()
        },
    ];
    for form in silent {
        let refusal = UpdateUser::check(form).unwrap_err();
        assert_eq!(refusal.code(), Some(ErrorCode::NothingToUpdate));
    }
}

#[test]
fn each_field_alone_is_an_update() {
    for form in [
        UserForm {
            first_name: Some("Ava".to_owned()),
            ..UserForm::default()
        },
        UserForm {
            username: Some("ava".to_owned()),
            ..UserForm::default()
        },
        UserForm {
            external_id: Some(String::new()),
            ..UserForm::default()
        },
        UserForm {
            public_metadata: Some("null".to_owned()),
            ..UserForm::default()
        },
        UserForm {
            disabled: Some("false".to_owned()),
            ..UserForm::default()
        },
        UserForm {
            second_factor_policy: Some("none".to_owned()),
            ..UserForm::default()
        },
        UserForm {
            remove_profile_image: Some("true".to_owned()),
            ..UserForm::default()
        },
    ] {
        assert!(UpdateUser::check(form).is_ok());
    }
}

#[test]
fn removing_the_image_wins_over_an_upload() {
    let form = UserForm {
        remove_profile_image: Some("true".to_owned()),
        profile_image: Some(b"not even an image".to_vec()),
        ..UserForm::default()
    };
    assert!(matches!(
        UpdateUser::check(form).unwrap().image,
        ImagePatch::Remove
    ));
}
