//! What the SDK makes of refusals: `is_authentication_error`, `is_retryable`, and the error object in `details`.

use wacht::Error;
use wacht::models::{CreateOrganizationRequest, CreateRoleRequest, UpdateOrganizationRequest};

use crate::common::{Guildhall, NOBODY, fields, not_found, refusal};

#[tokio::test]
async fn an_unknown_key_is_an_authentication_error() {
    let guildhall = Guildhall::start();
    let nobody = guildhall.client_with_key("nobody");

    refusal(
        nobody.organizations().fetch_organizations().send().await,
        401,
        "unauthenticated",
    );
    refusal(
        nobody.users().delete_user(NOBODY).send().await,
        401,
        "unauthenticated",
    );
}

#[tokio::test]
async fn a_key_that_may_only_read_is_an_authentication_error_on_a_change() {
    let guildhall = Guildhall::start();
    let reader = guildhall.client_with_key(&guildhall.key(&["--read-only"]));

    assert_eq!(
        reader
            .organizations()
            .fetch_organizations()
            .send()
            .await
            .unwrap()
            .total,
        0
    );
    let acme = CreateOrganizationRequest::new("Acme".to_owned());
    refusal(
        reader
            .organizations()
            .create_organization(acme)
            .send()
            .await,
        403,
        "read_only_key",
    );
}

#[tokio::test]
async fn an_unknown_id_is_404_and_a_malformed_one_400() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();

    not_found(
        wacht
            .organizations()
            .fetch_organization(NOBODY)
            .send()
            .await,
        "organization",
    );
    for id in ["acme", "0", "-1", "007", "9007199254740992"] {
        refusal(
            wacht.organizations().fetch_organization(id).send().await,
            400,
            "invalid_id",
        );
        refusal(
            wacht.users().fetch_user_details(id).send().await,
            400,
            "invalid_id",
        );
        let request = UpdateOrganizationRequest::default();
        refusal(
            wacht
                .organizations()
                .update_organization(id, request)
                .send()
                .await,
            400,
            "invalid_id",
        );
    }
}

#[tokio::test]
async fn details_hold_the_whole_error_object_with_the_fields_that_are_wrong() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let acme = CreateOrganizationRequest::new("Acme".to_owned());
    let acme = wacht
        .organizations()
        .create_organization(acme)
        .send()
        .await
        .unwrap();

    let request = CreateRoleRequest::new(String::new(), Vec::new());
    let role = wacht
        .organizations()
        .roles()
        .create_role(&acme.id, request)
        .send()
        .await;
    let error = refusal(role, 400, "invalid_request");

    assert_eq!(fields(&error), ["name"]);
    let object = error.as_object().unwrap();
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "code",
        "detail",
        "details",
        "error",
        "errors",
        "message",
        "request_id",
        "status",
        "title",
        "type",
    ];
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn a_body_over_two_megabytes_is_413() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let mut request = CreateOrganizationRequest::new("Acme".to_owned());
    request.organization_image = Some(vec![0; 2_200_000]);

    let result = wacht
        .organizations()
        .create_organization(request)
        .send()
        .await;

    refusal(result, 413, "body_too_large");
}

#[tokio::test]
async fn a_server_that_is_gone_is_worth_another_try() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    drop(guildhall);

    let error = wacht.health().check().send().await.unwrap_err();

    assert!(matches!(error, Error::Request(_)), "{error}");
    assert!(error.is_retryable());
    assert!(!error.is_authentication_error());
    assert_eq!(error.status_code(), None);
}
