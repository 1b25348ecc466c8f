//! Members: list, add, update, remove, assign and take away a role.

use serde_json::json;
use wacht::models::{
    AddOrganizationMemberRequest, CreateOrganizationRequest, CreateRoleRequest, CreateUserRequest,
    OrganizationMember, OrganizationRole, UpdateOrganizationMemberRequest,
};
use wacht::organizations::members::OrganizationMembersApi;
use wacht::{Result, WachtClient};

use crate::common::{
    Guildhall, NOBODY, assert_id, assert_timestamp, conflict, invalid, names, not_found, refusal,
};

/// The organization Acme with the roles Billing, Support and Sales, and the user Ava.
struct Acme {
    wacht: WachtClient,
    id: String,
    billing: OrganizationRole,
    support: OrganizationRole,
    sales: OrganizationRole,
    ava: String,
}

impl Acme {
    async fn new(guildhall: &Guildhall) -> Self {
        let wacht = guildhall.client();
        let id = organization(&wacht, "Acme").await;
        let billing = role(&wacht, &id, "Billing").await;
        let support = role(&wacht, &id, "Support").await;
        let sales = role(&wacht, &id, "Sales").await;
        let ava = user(&wacht, "Ava", "ava@example.com").await;
        Self {
            wacht,
            id,
            billing,
            support,
            sales,
            ava,
        }
    }

    fn members(&self) -> OrganizationMembersApi {
        self.wacht.organizations().members()
    }

    async fn add(&self, user: &str, roles: &[&str]) -> Result<OrganizationMember> {
        let request = AddOrganizationMemberRequest::new(user.to_owned(), owned(roles));
        self.members().add_member(&self.id, request).send().await
    }

    async fn update(&self, member: &str, request: UpdateOrganizationMemberRequest) -> Result<()> {
        self.members()
            .update_member(&self.id, member, request)
            .send()
            .await
    }

    async fn set_roles(&self, member: &str, roles: &[&str]) -> Result<()> {
        let request = UpdateOrganizationMemberRequest {
            role_ids: Some(owned(roles)),
            public_metadata: None,
        };
        self.update(member, request).await
    }

    async fn only_member(&self) -> OrganizationMember {
        let mut page = self.members().fetch_members(&self.id).send().await.unwrap();
        assert_eq!(
            (page.total, page.limit, page.offset, page.has_more),
            (1, 20, 0, Some(false))
        );
        page.data.remove(0)
    }

    async fn member_count(&self) -> i64 {
        self.wacht
            .organizations()
            .fetch_organization(&self.id)
            .send()
            .await
            .unwrap()
            .member_count
    }
}

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
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

async fn role(wacht: &WachtClient, organization: &str, name: &str) -> OrganizationRole {
    let request = CreateRoleRequest::new(name.to_owned(), vec![format!("{name}:read")]);
    wacht
        .organizations()
        .roles()
        .create_role(organization, request)
        .send()
        .await
        .unwrap()
}

async fn user(wacht: &WachtClient, first_name: &str, email: &str) -> String {
    let mut request = CreateUserRequest::new(first_name.to_owned(), "Stone".to_owned());
    request.email_address = Some(email.to_owned());
    wacht
        .users()
        .create_user(request)
        .send()
        .await
        .unwrap()
        .id
        .unwrap()
}

#[tokio::test]
async fn a_user_is_added_with_roles_once() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;

    let member = acme.add(&acme.ava, &[&acme.billing.id]).await.unwrap();

    assert_id(&member.id);
    assert_timestamp(&member.created_at);
    assert_timestamp(&member.user_created_at);
    assert_eq!(member.organization_id, acme.id);
    assert_eq!(member.user_id, acme.ava);
    assert_eq!(member.roles, std::slice::from_ref(&acme.billing));
    assert_eq!(member.public_metadata, json!({}));
    assert_eq!(
        (member.first_name.as_str(), member.last_name.as_str()),
        ("Ava", "Stone")
    );
    assert_eq!(
        member.primary_email_address.as_deref(),
        Some("ava@example.com")
    );
    assert_eq!(
        (&member.username, &member.primary_phone_number),
        (&None, &None)
    );
    assert_eq!(acme.only_member().await, member);
    assert_eq!(acme.member_count().await, 1);

    conflict(
        acme.add(&acme.ava, &[&acme.support.id]).await,
        "member_exists",
    );
    assert_eq!(acme.only_member().await, member);
}

#[tokio::test]
async fn without_roles_a_member_gets_the_default_one() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;

    let member = acme.add(&acme.ava, &[]).await.unwrap();

    assert_eq!(names(&member.roles), ["Member"]);
    assert_eq!(member.roles[0].permissions, ["organization:member"]);
    assert!(member.roles[0].is_deployment_level);
}

#[tokio::test]
async fn who_or_what_does_not_exist_here_cannot_be_added() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    let bolt = organization(&acme.wacht, "Bolt").await;
    let foreign = role(&acme.wacht, &bolt, "Bolted").await;
    let elsewhere = guildhall.client_of_new_deployment("elsewhere");
    let stranger = user(&elsewhere, "Sam", "sam@example.com").await;

    not_found(acme.add(NOBODY, &[]).await, "user");
    not_found(acme.add(&stranger, &[]).await, "user");
    not_found(acme.add(&acme.ava, &[NOBODY]).await, "role");
    not_found(
        acme.add(&acme.ava, &[&acme.billing.id, &foreign.id]).await,
        "role",
    );
    invalid(acme.add("ava", &[]).await, "user_id");
    invalid(acme.add(&acme.ava, &["billing"]).await, "role_ids");
    let request = AddOrganizationMemberRequest::new(acme.ava.clone(), Vec::new());
    not_found(
        acme.members().add_member(NOBODY, request).send().await,
        "organization",
    );

    assert_eq!(acme.member_count().await, 0);
}

#[tokio::test]
async fn roles_are_replaced_by_the_difference() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    let (billing, support, sales) = (&acme.billing, &acme.support, &acme.sales);
    let id = acme
        .add(&acme.ava, &[&billing.id, &support.id])
        .await
        .unwrap()
        .id;

    acme.set_roles(&id, &[&support.id, &sales.id])
        .await
        .unwrap();
    assert_eq!(
        acme.only_member().await.roles,
        [support.clone(), sales.clone()]
    );

    acme.set_roles(&id, &[]).await.unwrap();
    assert!(acme.only_member().await.roles.is_empty());

    acme.set_roles(&id, &[&billing.id]).await.unwrap();
    not_found(acme.set_roles(&id, &[&support.id, NOBODY]).await, "role");
    not_found(acme.set_roles(NOBODY, &[]).await, "member");
    assert_eq!(
        acme.only_member().await.roles,
        std::slice::from_ref(billing)
    );
}

#[tokio::test]
async fn metadata_is_replaced_as_a_whole_and_an_empty_update_is_no_error() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    let id = acme.add(&acme.ava, &[&acme.billing.id]).await.unwrap().id;
    let metadata = |value| UpdateOrganizationMemberRequest {
        role_ids: None,
        public_metadata: Some(value),
    };

    acme.update(&id, metadata(json!({ "desk": "4b", "floor": 2 })))
        .await
        .unwrap();
    acme.update(&id, metadata(json!({ "desk": "5a" })))
        .await
        .unwrap();
    let member = acme.only_member().await;
    assert_eq!(member.public_metadata, json!({ "desk": "5a" }));
    assert_eq!(member.roles, std::slice::from_ref(&acme.billing));

    acme.update(&id, UpdateOrganizationMemberRequest::new())
        .await
        .unwrap();
    assert_eq!(acme.only_member().await, member);
    invalid(
        acme.update(&id, metadata(json!([]))).await,
        "public_metadata",
    );
}

#[tokio::test]
async fn a_role_is_assigned_and_taken_away_by_itself() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    let (billing, support) = (&acme.billing, &acme.support);
    let bolt = organization(&acme.wacht, "Bolt").await;
    let foreign = role(&acme.wacht, &bolt, "Bolted").await;
    let id = acme.add(&acme.ava, &[&billing.id]).await.unwrap().id;
    let assign =
        |member: &str, role: &str| acme.members().assign_role(&acme.id, member, role).send();
    let remove =
        |member: &str, role: &str| acme.members().remove_role(&acme.id, member, role).send();

    assign(&id, &support.id).await.unwrap();
    assign(&id, &support.id)
        .await
        .expect("assigning again is no error");
    assert_eq!(
        acme.only_member().await.roles,
        [billing.clone(), support.clone()]
    );

    remove(&id, &billing.id).await.unwrap();
    assert_eq!(
        acme.only_member().await.roles,
        std::slice::from_ref(support)
    );
    refusal(remove(&id, &billing.id).await, 404, "role_not_assigned");

    not_found(assign(&id, &foreign.id).await, "role");
    not_found(assign(&id, NOBODY).await, "role");
    not_found(assign(NOBODY, &support.id).await, "member");
    not_found(remove(NOBODY, &support.id).await, "member");
    assert_eq!(
        acme.only_member().await.roles,
        std::slice::from_ref(support)
    );
}

#[tokio::test]
async fn a_removed_member_is_gone() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    let id = acme.add(&acme.ava, &[]).await.unwrap().id;

    acme.members()
        .remove_member(&acme.id, &id)
        .send()
        .await
        .unwrap();

    assert_eq!(acme.member_count().await, 0);
    assert_eq!(
        acme.members()
            .fetch_members(&acme.id)
            .send()
            .await
            .unwrap()
            .total,
        0
    );
    not_found(
        acme.members().remove_member(&acme.id, &id).send().await,
        "member",
    );
    acme.add(&acme.ava, &[]).await.expect("and may come back");
}

#[tokio::test]
async fn members_are_listed_sorted_searched_and_paged() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    for (first_name, email) in [
        ("Élodie", "a_a@example.com"),
        ("Bo", "aXa@example.com"),
        ("Cy", "cy@example.org"),
    ] {
        let id = user(&acme.wacht, first_name, email).await;
        acme.add(&id, &[]).await.unwrap();
    }
    let list = || acme.members().fetch_members(&acme.id);
    let first_names = |page: wacht::PaginatedResponse<OrganizationMember>| -> Vec<String> {
        page.data
            .into_iter()
            .map(|member| member.first_name)
            .collect()
    };

    assert_eq!(
        first_names(list().send().await.unwrap()),
        ["Cy", "Bo", "Élodie"],
        "newest first"
    );
    let page = list()
        .sort_key("first_name")
        .sort_order("asc")
        .limit(1)
        .offset(1)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (page.total, page.limit, page.offset, page.has_more),
        (3, 1, 1, Some(true))
    );
    assert_eq!(first_names(page), ["Cy"]);
    assert_eq!(
        first_names(list().search("a_a").send().await.unwrap()),
        ["Élodie"]
    );
    assert_eq!(
        first_names(list().search("éLO").send().await.unwrap()),
        ["Élodie"]
    );
    assert_eq!(
        first_names(list().search("EXAMPLE.ORG").send().await.unwrap()),
        ["Cy"]
    );
    assert_eq!(list().limit(i32::MAX).send().await.unwrap().limit, 500);
    invalid(list().limit(-1).send().await, "limit");
    not_found(
        acme.members().fetch_members(NOBODY).send().await,
        "organization",
    );
}
