package com.example.tracking;

public enum ParcelStatus {
    ACCEPTED,
    IN_TRANSIT,
    OUT_FOR_DELIVERY,
    DELIVERED,
    RETURNED,
    REFUSED
}
