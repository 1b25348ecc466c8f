//! The rules of users, as examples.

use crate::world::{World, page, page_after};
use guildhall_core::users::{self, CreateUser, UpdateUser, UserFilter, UserForm, UserSort};
use guildhall_core::{Order, Refusal, members};
use guildhall_types::ids::UserId;
use guildhall_types::users::{SecondFactorPolicy, User, UserDetails};
use guildhall_types::{ErrorCode, IfMatch, Page, Revision};

fn form(fields: &[(&str, &str)]) -> UserForm {
    let mut form = UserForm::default();
    for (field, value) in fields {
        let place = match *field {
            "first_name" => &mut form.first_name,
            "last_name" => &mut form.last_name,
            "email_address" => &mut form.email_address,
            "phone_number" => &mut form.phone_number,
            "username" => &mut form.username,
            "external_id" => &mut form.external_id,
            "public_metadata" => &mut form.public_metadata,
            "private_metadata" => &mut form.private_metadata,
            "disabled" => &mut form.disabled,
            "second_factor_policy" => &mut form.second_factor_policy,
            _ => panic!("no field {field}"),
        };
        *place = Some((*value).to_owned());
    }
    form
}

async fn create(world: &World, fields: &[(&str, &str)]) -> Result<User, Refusal> {
    let command = CreateUser::check(form(fields))?;
    world.change(move |tx| users::create(tx, &command)).await
}

async fn update(
    world: &World,
    id: UserId,
    if_match: IfMatch,
    fields: &[(&str, &str)],
) -> Result<(UserDetails, Revision), Refusal> {
    let command = UpdateUser::check(form(fields))?;
    let written = world
        .written(move |tx| users::update(tx, id, &if_match, &command))
        .await?;
    let revision = written.revision;
    Ok((written.fresh().unwrap(), revision))
}

async fn details(world: &World, id: UserId) -> Result<(UserDetails, Revision), Refusal> {
    world
        .guildhall
        .point(world.deployment, move |tx| users::details(tx, id))
        .await
}

async fn list(world: &World, filter: UserFilter, sort: UserSort, order: Order) -> Page<User> {
    let query = move |tx: &guildhall_core::ReadTx<'_>| users::list(tx, &filter, sort, &page(order));
    world.guildhall.list(world.deployment, query).await.unwrap()
}

fn search(text: &str) -> UserFilter {
    UserFilter {
        search: Some(text.to_owned()),
        external_id: None,
    }
}

fn names(page: &Page<User>) -> Vec<&str> {
    page.data
        .iter()
        .map(|user| user.first_name.as_str())
        .collect()
}

/// What was written keeps every rule of the house.
fn verify(world: &World) {
    let report = guildhall_core::verify::verify(&world.guildhall, |_| {}).unwrap();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

const AVA: &[(&str, &str)] = &[
    ("first_name", " Ava "),
    ("last_name", "Stone"),
    ("email_address", "Ava.Stone@Example.COM"),
    ("phone_number", "+15551234567"),
    ("username", "AvaS"),
    ("external_id", "crm-1"),
];

#[tokio::test]
async fn identifiers_given_at_creation_are_primary_and_verified() {
    let world = World::new().await;
    let ava = create(&world, AVA).await.unwrap();
    assert_eq!(ava.first_name, "Ava");
    assert_eq!(ava.username.as_deref(), Some("AvaS"));
    assert_eq!(ava.primary_phone_number.as_deref(), Some("+15551234567"));
    let (details, revision) = details(&world, ava.id).await.unwrap();
    assert_eq!(
        revision,
        Revision {
            stream: world.deployment.id().raw(),
            number: 2
        }
    );
    let (email, phone) = (&details.email_addresses[0], &details.phone_numbers[0]);
    assert!(email.is_primary && email.verified && phone.verified);
    assert_eq!(email.verified_at, ava.created_at);
    assert_eq!(
        Some(&email.email),
        details.user.primary_email_address.as_ref()
    );
    assert_eq!(details.primary_email_address_id, Some(email.id));
    assert_eq!(details.primary_phone_number_id, Some(phone.id));
    assert_eq!(
        format!("{}{}", phone.country_code, phone.phone_number),
        "+15551234567"
    );
    assert_eq!(details.second_factor_policy, SecondFactorPolicy::Optional);
    assert!(!details.disabled);
    let json = serde_json::to_value(&details).unwrap();
    assert_eq!(json["public_metadata"], serde_json::json!({}));
    assert_eq!(
        (&json["schema_version"], &json["first_name"]),
        (&"v1".into(), &"Ava".into())
    );
    verify(&world);
}

#[tokio::test]
async fn each_identifier_is_unique_without_regard_to_case() {
    let world = World::new().await;
    create(&world, AVA).await.unwrap();
    for (field, value, code) in [
        ("username", "avaS", ErrorCode::UsernameTaken),
        (
            "email_address",
            "ava.stone@example.com",
            ErrorCode::EmailTaken,
        ),
        ("phone_number", "+15551234567", ErrorCode::PhoneTaken),
        ("external_id", "crm-1", ErrorCode::ExternalIdTaken),
    ] {
        let Err(Refusal::Refused(refused)) = create(&world, &[(field, value)]).await else {
            panic!("{field} was accepted");
        };
        assert_eq!(
            (refused.code, refused.fields[0].field.as_str()),
            (code, field)
        );
    }
    // Nothing half done, and nobody without them is in the way.
    for _ in 0..2 {
        create(&world, &[("first_name", "Ben")]).await.unwrap();
    }
    let all = list(
        &world,
        UserFilter::default(),
        UserSort::CreatedAt,
        Order::Ascending,
    )
    .await;
    assert_eq!((all.total, names(&all)), (3, vec!["Ava", "Ben", "Ben"]));
    // Another deployment may have the same.
    let other = world.deployment("other").await;
    let command = CreateUser::check(form(AVA)).unwrap();
    let request = guildhall_core::ChangeRequest {
        request_id: "test".to_owned(),
        idempotency: None,
    };
    world
        .guildhall
        .write(other, request, move |tx| users::create(tx, &command))
        .await
        .unwrap();
    verify(&world);
}

#[tokio::test]
async fn an_update_changes_what_it_names() {
    let world = World::new().await;
    let ava = create(&world, AVA).await.unwrap();
    let ben = create(&world, &[("first_name", "Ben"), ("username", "ben")])
        .await
        .unwrap();
    world.clock.advance_seconds(1);
    let fields = [
        ("first_name", ""),
        ("last_name", "Rivers"),
        ("username", "avas"),
        ("external_id", ""),
        ("public_metadata", "{\"a\": 1}"),
        ("disabled", "true"),
        ("second_factor_policy", "enforced"),
    ];
    let (after, revision) = update(&world, ava.id, IfMatch::Any, &fields).await.unwrap();
    assert_eq!(
        (
            after.user.first_name.as_str(),
            after.user.last_name.as_str()
        ),
        ("Ava", "Rivers")
    );
    assert_eq!(
        (
            after.user.username.as_deref(),
            after.user.external_id.as_deref()
        ),
        (Some("avas"), None)
    );
    assert!(after.disabled && after.user.updated_at > after.user.created_at);
    assert_eq!(after.second_factor_policy, SecondFactorPolicy::Enforced);
    assert_eq!(after.public_metadata.as_str(), "{\"a\":1}");
    assert_eq!(after.email_addresses.len(), 1);
    let (read, read_revision) = details(&world, ava.id).await.unwrap();
    assert_eq!(
        serde_json::to_string(&read).unwrap(),
        serde_json::to_string(&after).unwrap()
    );
    assert_eq!((read_revision, revision.number), (revision, 4));
    // The other user has not moved.
    assert_eq!(details(&world, ben.id).await.unwrap().1.number, 3);
    let refusal = update(&world, ava.id, IfMatch::Any, &[("username", "BEN")])
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::UsernameTaken));
    verify(&world);
}

#[tokio::test]
async fn the_search_follows_an_update() {
    let world = World::new().await;
    let ava = create(&world, AVA).await.unwrap();
    update(&world, ava.id, IfMatch::Any, &[("last_name", "Rivers")])
        .await
        .unwrap();
    // The old last name is still in the e-mail address.
    for (text, total) in [("stone", 1), ("ava rivers", 1), ("ava stone", 0)] {
        let page = list(&world, search(text), UserSort::CreatedAt, Order::Ascending).await;
        assert_eq!(page.total, total, "{text}");
    }
    verify(&world);
}

#[tokio::test]
async fn what_changes_nothing_keeps_the_revision() {
    let world = World::new().await;
    let ava = create(&world, AVA).await.unwrap();
    create(&world, &[]).await.unwrap();
    world.clock.advance_seconds(1);
    let same = [
        ("first_name", "Ava"),
        ("username", "AvaS"),
        ("disabled", "false"),
        ("public_metadata", "null"),
    ];
    let (after, revision) = update(&world, ava.id, IfMatch::Any, &same).await.unwrap();
    assert_eq!(
        (revision.number, after.user.updated_at),
        (2, ava.updated_at)
    );
    // The deployment's next revision is the one that was given back.
    let (_, revision) = update(&world, ava.id, IfMatch::Any, &[("disabled", "true")])
        .await
        .unwrap();
    assert_eq!(revision.number, 4);
    verify(&world);
}

#[tokio::test]
async fn a_stale_revision_is_refused() {
    let world = World::new().await;
    let ava = create(&world, AVA).await.unwrap();
    let (_, first) = details(&world, ava.id).await.unwrap();
    let demand = || IfMatch::OneOf(vec![first]);
    create(&world, &[]).await.unwrap();
    // A change of another user does not make it stale; one of this user does.
    let (_, second) = update(&world, ava.id, demand(), &[("last_name", "B")])
        .await
        .unwrap();
    let refusal = update(&world, ava.id, demand(), &[("last_name", "C")])
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::RevisionMismatch));
    let (id, stale) = (ava.id, demand());
    let refusal = world
        .change(move |tx| users::delete(tx, id, &stale))
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::RevisionMismatch));
    assert_eq!(details(&world, ava.id).await.unwrap().1, second);
    let fresh = IfMatch::OneOf(vec![second]);
    world
        .change(move |tx| users::delete(tx, id, &fresh))
        .await
        .unwrap();
    verify(&world);
}

#[tokio::test]
async fn a_deleted_user_leaves_nothing_behind() {
    let world = World::new().await;
    let (acme, ava) = (
        world.organization("Acme").await,
        create(&world, AVA).await.unwrap(),
    );
    world.member(acme.id, ava.id, &[]).await.unwrap();
    let id = ava.id;
    world
        .change(move |tx| users::delete(tx, id, &IfMatch::Any))
        .await
        .unwrap();
    assert_eq!(
        details(&world, id).await.unwrap_err().code(),
        Some(ErrorCode::UserNotFound)
    );
    assert_eq!(
        list(
            &world,
            UserFilter::default(),
            UserSort::CreatedAt,
            Order::Ascending
        )
        .await
        .total,
        0
    );
    for refusal in [
        update(&world, id, IfMatch::Any, &[("disabled", "true")])
            .await
            .unwrap_err(),
        world
            .change(move |tx| users::delete(tx, id, &IfMatch::Any))
            .await
            .unwrap_err(),
        world
            .guildhall
            .point(world.deployment, move |tx| members::of_user(tx, id))
            .await
            .unwrap_err(),
        world.member(acme.id, id, &[]).await.unwrap_err(),
    ] {
        assert_eq!(refusal.code(), Some(ErrorCode::UserNotFound));
    }
    // Everything that was unique is free again.
    create(&world, AVA).await.unwrap();
    verify(&world);
}

#[tokio::test]
async fn a_user_of_another_deployment_is_not_found() {
    let world = World::new().await;
    let other = world.deployment("other").await;
    let ava = create(&world, AVA).await.unwrap();
    let refusal = world
        .guildhall
        .point(other, move |tx| users::details(tx, ava.id))
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::UserNotFound));
    let id = ava.id;
    let request = guildhall_core::ChangeRequest {
        request_id: "test".to_owned(),
        idempotency: None,
    };
    let deleted = world
        .guildhall
        .write(other, request, move |tx| {
            users::delete(tx, id, &IfMatch::Any)
        })
        .await;
    assert_eq!(deleted.unwrap_err().code(), Some(ErrorCode::UserNotFound));
    verify(&world);
}

#[tokio::test]
async fn a_search_looks_at_everything_people_call_a_user_by() {
    let world = World::new().await;
    create(&world, AVA).await.unwrap();
    create(&world, &[("first_name", "ÉCOLE"), ("username", "a_b")])
        .await
        .unwrap();
    create(&world, &[("first_name", "100%"), ("username", "a-b")])
        .await
        .unwrap();
    for (text, found) in [
        ("AVA STO", vec!["Ava"]),
        ("vas", vec!["Ava"]),
        ("@EXAMPLE", vec!["Ava"]),
        ("+1555", vec!["Ava"]),
        ("école", vec!["ÉCOLE"]),
        ("_", vec!["ÉCOLE"]),
        ("%", vec!["100%"]),
        ("crm", vec![]),
        ("  ", vec!["Ava", "ÉCOLE", "100%"]),
    ] {
        let page = list(&world, search(text), UserSort::CreatedAt, Order::Ascending).await;
        assert_eq!(
            (names(&page), page.total),
            (found.clone(), found.len() as u64),
            "{text:?}"
        );
    }
    for (text, total) in [(None, 1), (Some("ava"), 1), (Some("ben"), 0)] {
        let filter = UserFilter {
            search: text.map(str::to_owned),
            external_id: Some("crm-1".to_owned()),
        };
        assert_eq!(
            list(&world, filter, UserSort::CreatedAt, Order::Ascending)
                .await
                .total,
            total
        );
    }
    verify(&world);
}

#[tokio::test]
async fn every_order_visits_every_user_once() {
    let world = World::new().await;
    for number in 0..7 {
        let (username, email) = (
            format!("u{}", 9 - number),
            format!("{}@example.com", number * 3 % 7),
        );
        let phone = format!("+1555123456{number}");
        let mut fields = vec![("first_name", "Ava")];
        if number % 3 != 0 {
            fields.extend([
                ("username", username.as_str()),
                ("email_address", &email),
                ("phone_number", &phone),
            ]);
        }
        create(&world, &fields).await.unwrap();
    }
    for sort in [
        UserSort::CreatedAt,
        UserSort::Username,
        UserSort::Email,
        UserSort::PhoneNumber,
    ] {
        for search in [None, Some("AVA")] {
            let mut orders = Vec::new();
            for order in [Order::Ascending, Order::Descending] {
                let (mut visited, mut cursor) = (Vec::new(), None);
                loop {
                    let request = page_after(2, cursor, order);
                    let filter = UserFilter {
                        search: search.map(str::to_owned),
                        external_id: None,
                    };
                    let query = move |tx: &guildhall_core::ReadTx<'_>| {
                        users::list(tx, &filter, sort, &request)
                    };
                    let page = world.guildhall.list(world.deployment, query).await.unwrap();
                    assert_eq!(page.total, 7);
                    visited.extend(page.data.iter().map(|user| user.id));
                    cursor = page.next_cursor;
                    if cursor.is_none() {
                        break;
                    }
                }
                orders.push(visited);
            }
            orders[1].reverse();
            assert_eq!(orders[0], orders[1], "{sort:?} {search:?}");
            let mut ids = orders[0].clone();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 7, "{sort:?} {search:?}");
        }
    }
    verify(&world);
}

/// A picture of one pixel, as a GIF.
fn pixel(red: u8) -> Vec<u8> {
    let mut gif = b"GIF89a\x01\0\x01\0\x80\0\0".to_vec();
    gif.extend([red, 0, 0, 0, 0, 0]);
    gif.extend(b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;");
    gif
}

#[tokio::test]
async fn a_picture_is_kept_replaced_and_removed() {
    let world = World::new().await;
    let command = CreateUser::check(UserForm {
        profile_image: Some(pixel(1)),
        ..UserForm::default()
    })
    .unwrap();
    let ava = world
        .change(move |tx| users::create(tx, &command))
        .await
        .unwrap();
    let first = ava.profile_picture_url.clone();
    assert!(
        first.starts_with("http://guildhall.test/images/"),
        "{first}"
    );
    let mut last = first.clone();
    for (picture, remove, revision) in [
        (1, None, 2),
        (2, None, 3),
        (3, Some("true"), 4),
        (0, Some("true"), 4),
    ] {
        let form = UserForm {
            profile_image: (picture > 0).then(|| pixel(picture)),
            remove_profile_image: remove.map(str::to_owned),
            ..UserForm::default()
        };
        let command = UpdateUser::check(form).unwrap();
        let written = world
            .written(move |tx| users::update(tx, ava.id, &IfMatch::Any, &command))
            .await
            .unwrap();
        // The row of an unchanged user keeps its revision; the same picture again is no change.
        assert_eq!(written.revision.number, revision);
        let url = written.fresh().unwrap().user.profile_picture_url;
        assert_eq!(url == last, revision == 2 || last.is_empty());
        assert_eq!(url.is_empty(), remove.is_some());
        last = url;
    }
    verify(&world);
}
