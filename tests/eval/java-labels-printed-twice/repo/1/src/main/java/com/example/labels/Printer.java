package com.example.labels;

/** A label printer. It returns when the label is out, which takes a few seconds. */
public interface Printer {

    void print(String job);
}
