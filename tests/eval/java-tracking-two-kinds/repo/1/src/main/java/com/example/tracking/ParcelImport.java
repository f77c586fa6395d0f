package com.example.tracking;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;

/** Copies the parcels that the warehouse has packed since the last run into the table parcel. */
@Component
public class ParcelImport {

    private static final Logger log = LoggerFactory.getLogger(ParcelImport.class);

    private final WarehouseClient warehouse;
    private final ParcelStore parcels;

    public ParcelImport(WarehouseClient warehouse, ParcelStore parcels) {
        this.warehouse = warehouse;
        this.parcels = parcels;
    }

    @Scheduled(fixedRateString = "${tracking.import-every}")
    public void run() {
        int added = parcels.addAll(warehouse.packedSince(parcels.newest()));
        log.info("parcel import: {} parcels added", added);
    }
}
