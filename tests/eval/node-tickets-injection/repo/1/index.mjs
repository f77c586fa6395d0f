import { route } from "./route.mjs";

// Lambda function behind the queue 'tickets'.
export async function handler(event) {
  for (const record of event.Records) {
    const ticket = JSON.parse(record.body);
    console.log(`ticket ${ticket.id} goes to ${route(ticket)}`);
  }
}
