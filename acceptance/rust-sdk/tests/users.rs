//! Users: list, create, details, update, delete, memberships.

use serde_json::json;
use wacht::models::{
    AddOrganizationMemberRequest, CreateOrganizationRequest, CreateUserRequest, SchemaVersion,
    SecondFactorPolicy, UpdateUserRequest, User, VerificationStrategy,
};
use wacht::{PaginatedResponse, Result, WachtClient};

use crate::common::{
    Guildhall, NOBODY, PNG, assert_id, assert_timestamp, conflict, fields, invalid, names,
    not_found, refusal,
};

fn named(first_name: &str) -> CreateUserRequest {
    CreateUserRequest::new(first_name.to_owned(), "Stone".to_owned())
}

fn ava() -> CreateUserRequest {
    CreateUserRequest {
        email_address: Some("ava@example.com".to_owned()),
        phone_number: Some("+15551234567".to_owned()),
        username: Some("ava-stone_1".to_owned()),
        ..named("Ava")
    }
}

async fn create(wacht: &WachtClient, request: CreateUserRequest) -> Result<User> {
    wacht.users().create_user(request).send().await
}

async fn organization(wacht: &WachtClient, name: &str) -> String {
    let request = CreateOrganizationRequest::new(name.to_owned());
    wacht
        .organizations()
        .create_organization(request)
        .send()
        .await
        .unwrap()
        .id
}

async fn add(wacht: &WachtClient, organization: &str, user: &str) {
    let request = AddOrganizationMemberRequest::new(user.to_owned(), Vec::new());
    wacht
        .organizations()
        .members()
        .add_member(organization, request)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_user_is_created_and_read_with_address_and_number() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();

    let user = create(&wacht, ava()).await.unwrap();
    let id = user.id.clone().unwrap();
    assert_id(&id);
    assert_timestamp(user.created_at.as_deref().unwrap());
    assert_eq!(user.username.as_deref(), Some("ava-stone_1"));
    assert_eq!(
        user.primary_email_address.as_deref(),
        Some("ava@example.com")
    );
    assert_eq!(user.primary_phone_number.as_deref(), Some("+15551234567"));

    let details = wacht.users().fetch_user_details(&id).send().await.unwrap();
    assert_id(&details.deployment_id);
    assert_eq!(
        (details.first_name.as_str(), details.last_name.as_str()),
        ("Ava", "Stone")
    );
    assert!(matches!(details.schema_version, SchemaVersion::V1));
    assert_eq!(details.second_factor_policy, SecondFactorPolicy::Optional);
    assert!(!details.disabled && !details.has_password && !details.has_backup_codes);
    assert_eq!(
        (&details.public_metadata, &details.private_metadata),
        (&json!({}), &json!({}))
    );
    assert_eq!(details.primary_phone_number, user.primary_phone_number);
    assert_eq!(details.profile_picture_url, "");

    let [email] = details.email_addresses.as_slice() else {
        panic!("one address")
    };
    assert_eq!(Some(&email.id), details.primary_email_address_id.as_ref());
    assert!(email.is_primary && email.verified);
    assert!(matches!(
        email.verification_strategy,
        VerificationStrategy::Otp
    ));
    assert_timestamp(&email.verified_at);
    let [phone] = details.phone_numbers.as_slice() else {
        panic!("one number")
    };
    assert_eq!(Some(&phone.id), details.primary_phone_number_id.as_ref());
    assert_eq!(
        format!("{}{}", phone.country_code, phone.phone_number),
        "+15551234567"
    );
    assert!(phone.verified);
}

#[tokio::test]
async fn an_address_a_number_or_a_username_belongs_to_one_user() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    create(&wacht, ava()).await.unwrap();

    let mut email = named("Bo");
    email.email_address = Some("AVA@example.com".to_owned());
    conflict(create(&wacht, email).await, "email_taken");

    let mut phone = named("Bo");
    phone.phone_number = ava().phone_number;
    conflict(create(&wacht, phone).await, "phone_taken");

    let mut username = named("Bo");
    username.username = Some("AVA-stone_1".to_owned());
    conflict(create(&wacht, username).await, "username_taken");
}

#[tokio::test]
async fn a_user_is_checked_before_it_is_made() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();

    let mut email = named("Bo");
    email.email_address = Some("bo".to_owned());
    invalid(create(&wacht, email).await, "email_address");

    let mut phone = named("Bo");
    phone.phone_number = Some("call me".to_owned());
    invalid(create(&wacht, phone).await, "phone_number");

    let mut username = named("Bo");
    username.username = Some("bo ek".to_owned());
    invalid(create(&wacht, username).await, "username");

    assert_eq!(wacht.users().fetch_users().send().await.unwrap().total, 0);
}

#[tokio::test]
async fn a_password_is_refused_with_the_reason() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();

    let request = CreateUserRequest {
        password: Some("Tr0ub4dor&3".to_owned()),
        ..ava()
    };
    let error = refusal(create(&wacht, request).await, 400, "password_not_supported");

    assert_eq!(fields(&error), ["password"]);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("identity provider"), "{message}");
    assert!(!message.contains("Tr0ub4dor"), "{message}");
    create(&wacht, ava()).await.expect("the user was not made");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_leaves_the_rest() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let id = create(&wacht, ava()).await.unwrap().id.unwrap();
    let update = |request| wacht.users().update_user(&id, request).send();

    let renamed = UpdateUserRequest {
        first_name: Some("Eva".to_owned()),
        ..UpdateUserRequest::new()
    };
    let renamed = update(renamed).await.unwrap();
    assert_eq!(renamed.first_name.as_deref(), Some("Eva"));
    assert_eq!(renamed.last_name.as_deref(), Some("Stone"));
    assert_eq!(
        renamed.primary_email_address.as_deref(),
        Some("ava@example.com")
    );

    let request = UpdateUserRequest {
        username: Some("eva".to_owned()),
        public_metadata: Some(json!({ "theme": "dark" })),
        private_metadata: Some(json!({ "crm": [7] })),
        disabled: Some(true),
        second_factor_policy: Some(SecondFactorPolicy::Enforced),
        ..UpdateUserRequest::new()
    };
    update(request).await.unwrap();
    let details = wacht.users().fetch_user_details(&id).send().await.unwrap();
    assert_eq!(
        (details.first_name.as_str(), details.username.as_deref()),
        ("Eva", Some("eva"))
    );
    assert_eq!(details.public_metadata, json!({ "theme": "dark" }));
    assert_eq!(details.private_metadata, json!({ "crm": [7] }));
    assert!(details.disabled);
    assert_eq!(details.second_factor_policy, SecondFactorPolicy::Enforced);

    let renamed = UpdateUserRequest {
        first_name: Some("Eva".to_owned()),
        ..UpdateUserRequest::new()
    };
    let unknown = wacht.users().update_user(NOBODY, renamed);
    not_found(unknown.send().await, "user");
    let request = UpdateUserRequest {
        public_metadata: Some(json!(7)),
        ..UpdateUserRequest::new()
    };
    invalid(update(request).await, "public_metadata");
}

#[tokio::test]
async fn a_profile_image_is_kept_served_and_removed() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let request = CreateUserRequest {
        profile_image: Some(PNG.to_vec()),
        ..ava()
    };

    let user = create(&wacht, request).await.unwrap();
    let url = user.profile_picture_url.unwrap();
    let served = wacht.http_client().get(&url).send().await.unwrap();
    assert_eq!(served.status(), 200);
    assert!(
        served.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("image/")
    );

    let update = |request| {
        wacht
            .users()
            .update_user(user.id.as_deref().unwrap(), request)
            .send()
    };
    let removed = UpdateUserRequest {
        remove_profile_image: Some(true),
        ..UpdateUserRequest::new()
    };
    assert_eq!(
        update(removed)
            .await
            .unwrap()
            .profile_picture_url
            .as_deref(),
        Some("")
    );
    let text = UpdateUserRequest {
        profile_image: Some(b"hello".to_vec()),
        ..UpdateUserRequest::new()
    };
    refusal(update(text).await, 400, "invalid_image");
}

#[tokio::test]
async fn a_user_lists_its_organizations_and_leaves_them_when_deleted() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let id = create(&wacht, ava()).await.unwrap().id.unwrap();
    let (acme, bolt) = (
        organization(&wacht, "Acme").await,
        organization(&wacht, "Bolt").await,
    );
    add(&wacht, &acme, &id).await;
    add(&wacht, &bolt, &id).await;

    let page = wacht
        .users()
        .memberships()
        .list_organizations(&id)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (page.total, page.limit, page.offset, page.has_more),
        (2, 2, 0, Some(false))
    );
    let [newest, oldest] = page.data.as_slice() else {
        panic!("two memberships")
    };
    assert!(newest.created_at > oldest.created_at);
    assert_eq!(
        (newest.organization_id.as_str(), newest.user_id.as_str()),
        (bolt.as_str(), id.as_str())
    );
    assert_eq!(
        (
            newest.organization.name.as_str(),
            newest.organization.member_count
        ),
        ("Bolt", 1)
    );
    assert_eq!(names(&newest.roles), ["Member"]);
    assert!(newest.public_metadata.is_empty());

    wacht.users().delete_user(&id).send().await.unwrap();

    for organization in [&acme, &bolt] {
        let details = wacht
            .organizations()
            .fetch_organization(organization)
            .send()
            .await
            .unwrap();
        assert_eq!(details.member_count, 0);
    }
    not_found(wacht.users().fetch_user_details(&id).send().await, "user");
    not_found(
        wacht
            .users()
            .memberships()
            .list_organizations(&id)
            .send()
            .await,
        "user",
    );
    not_found(wacht.users().delete_user(&id).send().await, "user");
    create(&wacht, ava())
        .await
        .expect("address, number and username are free again");
}

#[tokio::test]
async fn users_are_listed_sorted_searched_and_paged() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    for (first_name, username) in [("100% Ava", "c_c"), ("100 Bo", "cxc"), ("Élodie", "b")] {
        create(
            &wacht,
            CreateUserRequest {
                username: Some(username.to_owned()),
                ..named(first_name)
            },
        )
        .await
        .unwrap();
    }
    let list = || wacht.users().fetch_users();
    let first_names = |page: PaginatedResponse<User>| -> Vec<String> {
        page.data
            .into_iter()
            .filter_map(|user| user.first_name)
            .collect()
    };

    let all = list().send().await.unwrap();
    assert_eq!(
        (all.total, all.limit, all.offset, all.has_more),
        (3, 10, 0, Some(false))
    );
    assert_eq!(first_names(all), ["Élodie", "100 Bo", "100% Ava"]);
    let page = list()
        .sort_key("username")
        .sort_order("asc")
        .limit(2)
        .send()
        .await
        .unwrap();
    assert_eq!((page.total, page.limit, page.has_more), (3, 2, Some(true)));
    assert_eq!(first_names(page)[0], "Élodie");
    assert_eq!(
        first_names(list().search("0%").send().await.unwrap()),
        ["100% Ava"]
    );
    assert_eq!(
        first_names(list().search("C_C").send().await.unwrap()),
        ["100% Ava"]
    );
    assert_eq!(
        first_names(list().search("éLO").send().await.unwrap()),
        ["Élodie"]
    );
    assert_eq!(
        first_names(list().offset(2).send().await.unwrap()),
        ["100% Ava"]
    );
    invalid(list().limit(-1).send().await, "limit");
    invalid(list().sort_key("shoe_size").send().await, "sort_key");
}
