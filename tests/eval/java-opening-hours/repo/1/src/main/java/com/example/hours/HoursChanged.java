package com.example.hours;

/** New hours of a store for a weekday, as the form of the store's manager sends them. */
public record HoursChanged(String store, String weekday, String opens, String closes, String locale) {}
