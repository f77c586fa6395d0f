package com.example.hours;

import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.time.format.FormatStyle;
import java.util.Locale;

/** Reads a time of day the way the manager's form has written it. */
public final class ClockParser {

    public LocalTime parse(String text, String languageTag) {
        return LocalTime.parse(text, format(Locale.forLanguageTag(languageTag)));
    }

    private static DateTimeFormatter format(Locale locale) {
        return DateTimeFormatter.ofLocalizedTime(FormatStyle.SHORT).withLocale(locale);
    }
}
