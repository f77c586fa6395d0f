create table parcel (
    parcel_id text primary key,
    order_id text not null
);

create table parcel_event (
    event_id text primary key,
    parcel_id text not null references parcel (parcel_id),
    status text not null,
    depot text
);
