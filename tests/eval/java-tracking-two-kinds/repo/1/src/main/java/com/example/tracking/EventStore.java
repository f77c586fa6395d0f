package com.example.tracking;

import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.stereotype.Repository;

@Repository
public class EventStore {

    private final JdbcTemplate jdbc;

    public EventStore(JdbcTemplate jdbc) {
        this.jdbc = jdbc;
    }

    /** Adds the event once: the carriers repeat themselves. */
    public void add(ParcelEvent event) {
        jdbc.update("insert into parcel_event (event_id, parcel_id, status, depot) values (?, ?, ?, ?)"
                + " on conflict (event_id) do nothing",
                event.eventId(), event.parcelId(), event.status().name(), event.depot());
    }
}
