create index parcel_event_parcel on parcel_event (parcel_id);
