package com.example.hours;

import io.awspring.cloud.sqs.annotation.SqsListener;
import java.time.LocalTime;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;

@Component
public class HoursListener {

    private static final Logger log = LoggerFactory.getLogger(HoursListener.class);

    private final ClockParser clocks = new ClockParser();
    private final HoursTable table;

    public HoursListener(HoursTable table) {
        this.table = table;
    }

    @SqsListener("${hours.queue}")
    public void save(HoursChanged change) {
        LocalTime opens = clocks.parse(change.opens(), change.locale());
        LocalTime closes = clocks.parse(change.closes(), change.locale());
        if (closes.isBefore(opens)) {
            log.warn("refused store={} {} {}-{}", change.store(), change.weekday(), opens, closes);
            return;
        }
        table.save(change.store(), change.weekday(), opens, closes);
        log.info("saved store={} {} {}-{}", change.store(), change.weekday(), opens, closes);
    }
}
