package com.example.tracking;

/** What a carrier reports of a parcel, as the carrier gateway translates it. */
public record ParcelEvent(String eventId, String parcelId, ParcelStatus status, String depot) {}
