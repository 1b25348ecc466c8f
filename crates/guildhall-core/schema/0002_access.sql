-- Access that ends or rests, and what tells since when and by whom it was given. Nothing here is told of what was there
-- before this step: its expires_at and suspended_at are rightly NULL, and a NULL revision means "before step 2".

ALTER TABLE organizations ADD COLUMN suspended_at BIGINT;

-- The revision of the role's stream at which its permissions last changed.
ALTER TABLE organization_roles ADD COLUMN permissions_revision BIGINT;

ALTER TABLE organization_members ADD COLUMN expires_at BIGINT;
ALTER TABLE organization_members ADD COLUMN suspended_at BIGINT;
-- The revision of the organization at which the user was added, and the key that did it; NULL for the command line.
ALTER TABLE organization_members ADD COLUMN since_revision BIGINT;
ALTER TABLE organization_members ADD COLUMN added_by_key_id BIGINT;

ALTER TABLE organization_member_roles ADD COLUMN expires_at BIGINT;
-- The revision of the organization at which the role was given as it is held now: another end is another gift.
ALTER TABLE organization_member_roles ADD COLUMN since_revision BIGINT;
ALTER TABLE organization_member_roles ADD COLUMN granted_by_key_id BIGINT;

-- What has expired is swept as a range of these.
CREATE INDEX organization_members_by_expiry
  ON organization_members (deployment_id, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX organization_member_roles_by_expiry
  ON organization_member_roles (deployment_id, expires_at) WHERE expires_at IS NOT NULL;
