//! Organizations: list, create, fetch, update, delete.

use serde_json::json;
use wacht::models::{
    AddOrganizationMemberRequest, CreateOrganizationRequest, CreateRoleRequest, CreateUserRequest,
    Organization, UpdateOrganizationRequest,
};
use wacht::{Result, WachtClient};

use crate::common::{
    Guildhall, IMAGES, NOBODY, PNG, assert_id, assert_timestamp, invalid, names, not_found, refusal,
};

async fn create(wacht: &WachtClient, name: &str) -> Organization {
    let request = CreateOrganizationRequest::new(name.to_owned());
    wacht
        .organizations()
        .create_organization(request)
        .send()
        .await
        .unwrap()
}

async fn update(
    wacht: &WachtClient,
    organization: &Organization,
    request: UpdateOrganizationRequest,
) -> Result<Organization> {
    wacht
        .organizations()
        .update_organization(&organization.id, request)
        .send()
        .await
}

#[tokio::test]
async fn an_organization_begins_with_a_name_and_nothing_else() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();

    let acme = create(&wacht, "  Acme  ").await;

    assert_id(&acme.id);
    assert_timestamp(&acme.created_at);
    assert_timestamp(&acme.updated_at);
    let expected = Organization {
        id: acme.id.clone(),
        created_at: acme.created_at.clone(),
        updated_at: acme.created_at.clone(),
        name: "Acme".to_owned(),
        description: String::new(),
        image_url: String::new(),
        member_count: 0,
        public_metadata: json!({}),
        private_metadata: json!({}),
    };
    assert_eq!(acme, expected);
}

#[tokio::test]
async fn an_organization_keeps_what_it_is_created_with_and_is_read_with_its_roles() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let request = CreateOrganizationRequest {
        name: "Käse & Søn 株式会社 🧀".to_owned(),
        description: Some("Cheese, since 1871".to_owned()),
        public_metadata: Some(json!({ "plan": "pro", "nested": { "é": [1, null, true, "\"\n"] } })),
        private_metadata: Some(json!({ "crm": "0042" })),
        organization_image: None,
    };

    let created = wacht
        .organizations()
        .create_organization(request.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(created.name, request.name);
    assert_eq!(Some(&created.description), request.description.as_ref());
    assert_eq!(
        Some(&created.public_metadata),
        request.public_metadata.as_ref()
    );
    assert_eq!(
        Some(&created.private_metadata),
        request.private_metadata.as_ref()
    );

    let billing = CreateRoleRequest::new("Billing".to_owned(), vec!["invoices:pay".to_owned()]);
    let billing = wacht
        .organizations()
        .roles()
        .create_role(&created.id, billing)
        .send()
        .await
        .unwrap();

    let details = wacht
        .organizations()
        .fetch_organization(&created.id)
        .send()
        .await
        .unwrap();
    assert_eq!(details.name, created.name);
    assert_eq!(details.public_metadata, created.public_metadata);
    assert_eq!(names(&details.roles), ["Admin", "Member", "Billing"]);
    assert_eq!(details.roles.last(), Some(&billing));
    assert!(details.workspaces.is_empty());
    assert!(details.segments.is_empty());
}

#[tokio::test]
async fn a_name_has_1_to_200_characters_and_metadata_is_an_object() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let try_create = |request| wacht.organizations().create_organization(request).send();
    let named = |name: String| try_create(CreateOrganizationRequest::new(name));

    invalid(named(" \t ".to_owned()).await, "name");
    invalid(named("é".repeat(201)).await, "name");
    assert_eq!(named("é".repeat(200)).await.unwrap().name, "é".repeat(200));

    let mut request = CreateOrganizationRequest::new("Acme".to_owned());
    request.public_metadata = Some(json!(["not", "an", "object"]));
    invalid(try_create(request.clone()).await, "public_metadata");

    request.public_metadata = Some(json!(null));
    assert_eq!(
        try_create(request).await.unwrap().public_metadata,
        json!({})
    );
}

#[tokio::test]
async fn organizations_are_listed_sorted_searched_and_paged() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    for name in [
        "100% Wool",
        "100 Percent",
        "snake_case",
        "snakeycase",
        "École",
    ] {
        create(&wacht, name).await;
    }
    let list = || wacht.organizations().fetch_organizations();
    let names = |page: wacht::PaginatedResponse<Organization>| -> Vec<String> {
        page.data
            .into_iter()
            .map(|organization| organization.name)
            .collect()
    };

    let all = list().send().await.unwrap();
    assert_eq!(
        (all.total, all.limit, all.offset, all.has_more),
        (5, 10, 0, Some(false))
    );
    assert_eq!(
        names(all),
        [
            "École",
            "snakeycase",
            "snake_case",
            "100 Percent",
            "100% Wool"
        ]
    );

    let page = list()
        .sort_key("name")
        .sort_order("asc")
        .limit(2)
        .offset(1)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (page.total, page.limit, page.offset, page.has_more),
        (5, 2, 1, Some(true))
    );
    assert_eq!(names(page), ["100% Wool", "snake_case"]);

    for (search, expected) in [
        ("0%", "100% Wool"),
        ("E_C", "snake_case"),
        ("école", "École"),
        (" ÉCO ", "École"),
    ] {
        let found = list().search(search).send().await.unwrap();
        assert_eq!(found.total, 1, "{search}");
        assert_eq!(names(found), [expected]);
    }

    assert_eq!(list().limit(i32::MAX).send().await.unwrap().limit, 1000);
    invalid(list().limit(-1).send().await, "limit");
    invalid(list().offset(-1).send().await, "offset");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_leaves_the_rest() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let acme = create(&wacht, "Acme").await;
    let nothing = UpdateOrganizationRequest::default();

    let described = UpdateOrganizationRequest {
        description: Some("Anvils".to_owned()),
        public_metadata: Some(json!({ "plan": "free", "seats": 3 })),
        private_metadata: Some(json!({ "crm": 1 })),
        ..nothing.clone()
    };
    let described = update(&wacht, &acme, described).await.unwrap();
    assert_eq!(described.name, "Acme");
    assert_eq!(described.description, "Anvils");
    assert!(described.updated_at > acme.updated_at);

    let upgraded = UpdateOrganizationRequest {
        name: Some("Acme Ltd".to_owned()),
        public_metadata: Some(json!({ "plan": "pro" })),
        ..nothing.clone()
    };
    let upgraded = update(&wacht, &acme, upgraded).await.unwrap();
    assert_eq!(upgraded.name, "Acme Ltd");
    assert_eq!(
        upgraded.public_metadata,
        json!({ "plan": "pro" }),
        "replaced as a whole"
    );
    assert_eq!(upgraded.private_metadata, json!({ "crm": 1 }));
    assert_eq!(upgraded.description, "Anvils");

    let cleared = UpdateOrganizationRequest {
        description: Some(String::new()),
        ..nothing
    };
    assert_eq!(
        update(&wacht, &acme, cleared).await.unwrap().description,
        ""
    );
}

#[tokio::test]
async fn an_empty_update_is_a_multipart_body_of_no_bytes_and_changes_nothing() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let acme = create(&wacht, "Acme").await;

    let nothing = UpdateOrganizationRequest::default();
    refusal(
        update(&wacht, &acme, nothing).await,
        400,
        "nothing_to_update",
    );

    let after = wacht
        .organizations()
        .fetch_organization(&acme.id)
        .send()
        .await
        .unwrap();
    assert_eq!(after.updated_at, acme.updated_at);
}

#[tokio::test]
async fn an_image_is_known_by_its_bytes_served_and_removed() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let acme = create(&wacht, "Acme").await;
    let nothing = UpdateOrganizationRequest::default();

    // The SDK calls every image `organization_image.jpg` of type `image/jpeg`, whatever it is.
    for image in IMAGES {
        let request = UpdateOrganizationRequest {
            organization_image: Some(image.to_vec()),
            ..nothing.clone()
        };
        let shown = update(&wacht, &acme, request).await.unwrap();
        assert!(
            shown.image_url.starts_with(&guildhall.base_url),
            "{}",
            shown.image_url
        );
        let served = wacht
            .http_client()
            .get(&shown.image_url)
            .send()
            .await
            .unwrap();
        assert_eq!(served.status(), 200);
        let content_type = served.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(content_type.starts_with("image/"), "{content_type}");
        assert!(!served.bytes().await.unwrap().is_empty());
    }

    let removed = UpdateOrganizationRequest {
        remove_image: Some(true),
        ..nothing.clone()
    };
    assert_eq!(update(&wacht, &acme, removed).await.unwrap().image_url, "");

    let both = UpdateOrganizationRequest {
        remove_image: Some(true),
        organization_image: Some(PNG.to_vec()),
        ..nothing.clone()
    };
    assert_eq!(
        update(&wacht, &acme, both).await.unwrap().image_url,
        "",
        "removing wins"
    );

    let text = UpdateOrganizationRequest {
        organization_image: Some(b"hello".to_vec()),
        ..nothing
    };
    let details = refusal(update(&wacht, &acme, text).await, 400, "invalid_image");
    assert_eq!(crate::common::fields(&details), ["organization_image"]);

    let mut request = CreateOrganizationRequest::new("Bolt".to_owned());
    request.organization_image = Some(PNG.to_vec());
    let bolt = wacht
        .organizations()
        .create_organization(request)
        .send()
        .await
        .unwrap();
    assert!(bolt.image_url.starts_with(&guildhall.base_url));
}

#[tokio::test]
async fn a_deleted_organization_is_gone_with_all_that_was_in_it() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let (acme, bolt) = (create(&wacht, "Acme").await, create(&wacht, "Bolt").await);
    let ava = CreateUserRequest::new("Ava".to_owned(), "Stone".to_owned());
    let ava = wacht
        .users()
        .create_user(ava)
        .send()
        .await
        .unwrap()
        .id
        .unwrap();
    for organization in [&acme, &bolt] {
        let request = AddOrganizationMemberRequest::new(ava.clone(), Vec::new());
        wacht
            .organizations()
            .members()
            .add_member(&organization.id, request)
            .send()
            .await
            .unwrap();
    }

    wacht
        .organizations()
        .delete_organization(&acme.id)
        .send()
        .await
        .unwrap();

    let organizations = wacht.organizations();
    not_found(
        organizations.fetch_organization(&acme.id).send().await,
        "organization",
    );
    not_found(
        organizations.members().fetch_members(&acme.id).send().await,
        "organization",
    );
    not_found(
        organizations.roles().fetch_roles(&acme.id).send().await,
        "organization",
    );
    not_found(
        organizations.delete_organization(&acme.id).send().await,
        "organization",
    );
    let memberships = wacht
        .users()
        .memberships()
        .list_organizations(&ava)
        .send()
        .await
        .unwrap();
    assert_eq!(memberships.total, 1);
    assert_eq!(memberships.data[0].organization.name, "Bolt");
}

#[tokio::test]
async fn an_organization_of_another_deployment_does_not_exist() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();
    let elsewhere = guildhall.client_of_new_deployment("elsewhere");
    let theirs = create(&elsewhere, "Theirs").await;

    for id in [theirs.id.as_str(), NOBODY] {
        let organizations = wacht.organizations();
        not_found(
            organizations.fetch_organization(id).send().await,
            "organization",
        );
        not_found(
            organizations.delete_organization(id).send().await,
            "organization",
        );
    }
    assert_eq!(
        wacht
            .organizations()
            .fetch_organizations()
            .send()
            .await
            .unwrap()
            .total,
        0
    );
    assert_eq!(
        elsewhere
            .organizations()
            .fetch_organizations()
            .send()
            .await
            .unwrap()
            .total,
        1
    );
}
