package com.example.tracking;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.awspring.cloud.sqs.annotation.SqsListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;

@Component
public class EventListener {

    private static final Logger log = LoggerFactory.getLogger(EventListener.class);

    private final ObjectMapper json;
    private final EventStore store;

    public EventListener(ObjectMapper json, EventStore store) {
        this.json = json;
        this.store = store;
    }

    @SqsListener("${tracking.queue}")
    public void take(String body) throws Exception {
        ParcelEvent event = json.readValue(body, ParcelEvent.class);
        store.add(event);
        log.info("event {} of parcel {}: {}", event.eventId(), event.parcelId(), event.status());
    }
}
