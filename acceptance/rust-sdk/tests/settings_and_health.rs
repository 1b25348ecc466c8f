//! The roles of the deployment, and whether the server is well.

use crate::common::{Guildhall, assert_id};

#[tokio::test]
async fn the_deployment_of_the_first_start_has_the_organization_roles_admin_and_member() {
    let guildhall = Guildhall::start();
    let wacht = guildhall.client();

    let page = wacht
        .settings()
        .fetch_deployment_organization_roles()
        .send()
        .await
        .unwrap();

    assert_eq!(
        (page.total, page.limit, page.offset, page.has_more),
        (2, 2, 0, Some(false))
    );
    let [admin, member] = page.data.as_slice() else {
        panic!("two roles")
    };
    assert_eq!(
        (admin.name.as_str(), member.name.as_str()),
        ("Admin", "Member")
    );
    assert_eq!(admin.permissions, ["organization:admin"]);
    assert_eq!(member.permissions, ["organization:member"]);
    assert_id(&admin.deployment_id);
    assert_eq!(admin.deployment_id, member.deployment_id);
    assert_eq!(admin.organization_id, None);
}

#[tokio::test]
async fn health_needs_no_good_key() {
    let guildhall = Guildhall::start();
    for wacht in [guildhall.client(), guildhall.client_with_key("nobody")] {
        assert_eq!(
            wacht.health().check().send().await.unwrap().status,
            "healthy"
        );
    }
}
