package com.example.labels;

/** Settings of the worker, from labels.properties. */
public record Settings(String queueUrl, int batch) {}
