set local role epo_owner;

-- Which options a kind has is checked by epo.require_target_options, which says
-- what is wrong with them; a constraint could only refuse.
alter table epo.targets drop constraint targets_kind_check;
alter table epo.targets add constraint targets_kind_check check (kind in ('local', 'ssh', 'winrm'));
comment on column epo.targets.kind is 'Transport: local is the host of the agent itself, ssh and winrm are hosts that it reaches.';
comment on column epo.targets.options is 'Settings of the transport, never a secret: an identity is a name in a file of the agent.';

reset role;
