package com.example.labels;

import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.Message;

/** Prints one label after the other: the printer takes one job at a time. */
public final class PrintWorker implements Runnable {

    private static final Logger log = LoggerFactory.getLogger(PrintWorker.class);

    private final SqsClient sqs;
    private final Settings settings;
    private final Printer printer;

    public PrintWorker(SqsClient sqs, Settings settings, Printer printer) {
        this.sqs = sqs;
        this.settings = settings;
        this.printer = printer;
    }

    @Override
    public void run() {
        while (!Thread.currentThread().isInterrupted()) {
            List<Message> messages = sqs.receiveMessage(request -> request
                    .queueUrl(settings.queueUrl())
                    .maxNumberOfMessages(settings.batch())
                    .waitTimeSeconds(20)).messages();
            for (Message message : messages) {
                print(message);
            }
        }
    }

    private void print(Message message) {
        try {
            printer.print(message.body());
            sqs.deleteMessage(request -> request
                    .queueUrl(settings.queueUrl())
                    .receiptHandle(message.receiptHandle()));
            log.info("printed message={}", message.messageId());
        } catch (RuntimeException error) {
            log.warn("message={} stays: {}", message.messageId(), error.getMessage());
        }
    }
}
