create table audit_event (
    id text primary key,
    actor text not null,
    action text not null,
    object text not null
);

create index audit_event_actor on audit_event (actor);
