package com.example.hours;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.LocalTime;
import org.junit.jupiter.api.Test;

class ClockParserTest {

    private final ClockParser clocks = new ClockParser();

    @Test
    void readsTwelveHours() {
        assertEquals(LocalTime.of(21, 30), clocks.parse("9:30 PM", "en-US"));
    }

    @Test
    void readsTwentyFourHours() {
        assertEquals(LocalTime.of(21, 30), clocks.parse("21:30", "de-DE"));
    }
}
