-- What a snapshot is read from without touching the rows: which members are not simply in, and which users are shut out.
-- Both are few, so that the indexes cost next to nothing to keep.

CREATE INDEX organization_members_limited
  ON organization_members (deployment_id, organization_id, user_id, suspended_at, expires_at)
  WHERE suspended_at IS NOT NULL OR expires_at IS NOT NULL;

CREATE INDEX users_disabled ON users (deployment_id, id) WHERE disabled;
