package com.example.hours;

import java.time.LocalTime;

/** The table that the app reads; the last hours of a store and weekday count. */
public interface HoursTable {

    void save(String store, String weekday, LocalTime opens, LocalTime closes);
}
