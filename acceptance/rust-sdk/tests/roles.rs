//! Roles: list, create, update, delete.

use wacht::models::{
    AddOrganizationMemberRequest, CreateOrganizationRequest, CreateRoleRequest, CreateUserRequest,
    OrganizationRole, UpdateRoleRequest,
};
use wacht::{Result, WachtClient};

use crate::common::{
    Guildhall, NOBODY, assert_id, assert_timestamp, conflict, fields, invalid, names, not_found,
    refusal,
};

/// The organization Acme.
struct Acme {
    wacht: WachtClient,
    id: String,
}

impl Acme {
    async fn new(guildhall: &Guildhall) -> Self {
        let wacht = guildhall.client();
        let request = CreateOrganizationRequest::new("Acme".to_owned());
        let id = wacht
            .organizations()
            .create_organization(request)
            .send()
            .await
            .unwrap()
            .id;
        Self { wacht, id }
    }

    async fn create(&self, name: &str, permissions: &[&str]) -> Result<OrganizationRole> {
        let permissions = permissions
            .iter()
            .map(|&permission| permission.to_owned())
            .collect();
        let request = CreateRoleRequest::new(name.to_owned(), permissions);
        self.wacht
            .organizations()
            .roles()
            .create_role(&self.id, request)
            .send()
            .await
    }

    async fn update(&self, id: &str, request: UpdateRoleRequest) -> Result<OrganizationRole> {
        self.wacht
            .organizations()
            .roles()
            .update_role(&self.id, id, request)
            .send()
            .await
    }

    async fn rename(&self, id: &str, name: &str) -> Result<OrganizationRole> {
        self.update(
            id,
            UpdateRoleRequest {
                name: Some(name.to_owned()),
                permissions: None,
            },
        )
        .await
    }

    async fn delete(&self, id: &str) -> Result<()> {
        self.wacht
            .organizations()
            .roles()
            .delete_role(&self.id, id)
            .send()
            .await
    }

    async fn list(&self) -> Vec<OrganizationRole> {
        let page = self
            .wacht
            .organizations()
            .roles()
            .fetch_roles(&self.id)
            .send()
            .await
            .unwrap();
        let count = i64::try_from(page.data.len()).unwrap();
        assert_eq!((page.total, page.limit, page.offset), (count, count, 0));
        assert_eq!(page.has_more, Some(false));
        page.data
    }
}

#[tokio::test]
async fn an_organization_sees_the_roles_of_its_deployment_before_its_own() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;

    let billing = acme.create(" Billing ", &["b", "a", "b"]).await.unwrap();

    assert_id(&billing.id);
    assert_timestamp(&billing.created_at);
    assert_eq!(billing.name, "Billing");
    assert_eq!(
        billing.permissions,
        ["b", "a"],
        "in the order given, each once"
    );
    assert!(!billing.is_deployment_level);
    let roles = acme.list().await;
    assert_eq!(names(&roles), ["Admin", "Member", "Billing"]);
    assert_eq!(roles[0].permissions, ["organization:admin"]);
    assert!(roles[0].is_deployment_level && roles[1].is_deployment_level);
    assert_eq!(roles[2], billing);
}

#[tokio::test]
async fn a_role_is_checked_before_it_is_made() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    acme.create("Billing", &[]).await.unwrap();

    conflict(acme.create("bILLING", &[]).await, "role_name_taken");
    invalid(acme.create("  ", &[]).await, "name");
    invalid(acme.create(&"é".repeat(101), &[]).await, "name");
    invalid(acme.create("Support", &["ok", ""]).await, "permissions");
    invalid(acme.create("Support", &["a\u{7}b"]).await, "permissions");
    let details = refusal(acme.create("", &[""]).await, 400, "invalid_request");
    assert!(fields(&details).contains(&"name"));

    assert_eq!(names(&acme.list().await), ["Admin", "Member", "Billing"]);
}

#[tokio::test]
async fn a_role_is_renamed_given_other_permissions_and_deleted() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    let billing = acme.create("Billing", &["a"]).await.unwrap();
    let support = acme.create("Support", &[]).await.unwrap();

    let renamed = acme.rename(&billing.id, "Finance").await.unwrap();
    assert_eq!(
        (renamed.name.as_str(), &renamed.permissions),
        ("Finance", &billing.permissions)
    );
    assert!(renamed.updated_at > billing.updated_at);
    let request = UpdateRoleRequest {
        name: None,
        permissions: Some(vec!["b".to_owned()]),
    };
    assert_eq!(
        acme.update(&billing.id, request).await.unwrap().permissions,
        ["b"]
    );
    conflict(acme.rename(&billing.id, "SUPPORT").await, "role_name_taken");
    let nothing = UpdateRoleRequest::new();
    refusal(
        acme.update(&billing.id, nothing).await,
        400,
        "nothing_to_update",
    );

    acme.delete(&billing.id).await.unwrap();
    not_found(acme.delete(&billing.id).await, "role");
    not_found(acme.rename(&billing.id, "Billing").await, "role");
    assert_eq!(acme.list().await.last(), Some(&support));
}

#[tokio::test]
async fn members_lose_a_role_that_is_deleted() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    let billing = acme.create("Billing", &[]).await.unwrap();
    let support = acme.create("Support", &[]).await.unwrap();
    let ava = CreateUserRequest::new("Ava".to_owned(), "Stone".to_owned());
    let ava = acme
        .wacht
        .users()
        .create_user(ava)
        .send()
        .await
        .unwrap()
        .id
        .unwrap();
    let members = acme.wacht.organizations().members();
    let roles = vec![billing.id.clone(), support.id.clone()];
    let request = AddOrganizationMemberRequest::new(ava, roles);
    members.add_member(&acme.id, request).send().await.unwrap();

    acme.delete(&billing.id).await.unwrap();

    let page = members.fetch_members(&acme.id).send().await.unwrap();
    assert_eq!(page.data[0].roles, [support]);
}

#[tokio::test]
async fn the_roles_of_the_deployment_cannot_be_changed_here() {
    let guildhall = Guildhall::start();
    let acme = Acme::new(&guildhall).await;
    let admin = acme.list().await.remove(0);

    for id in [admin.id.as_str(), NOBODY] {
        not_found(acme.rename(id, "Mine").await, "role");
        not_found(acme.delete(id).await, "role");
    }
    let roles = acme.wacht.organizations().roles();
    not_found(roles.fetch_roles(NOBODY).send().await, "organization");
    assert_eq!(acme.list().await[0], admin);
}
