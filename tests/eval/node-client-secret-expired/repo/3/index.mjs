import { token } from "./token.mjs";

// Lambda function behind the queue 'calendar-changes'.
export async function handler(event) {
  const bearer = await token();
  for (const record of event.Records) {
    const { user, change } = JSON.parse(record.body);
    const answer = await fetch(`https://graph.microsoft.com/v1.0/users/${user}/events/${change}`, {
      headers: { authorization: `Bearer ${bearer}`, prefer: 'outlook.timezone="UTC"' },
    });
    console.log(`${user}: event ${change}: ${answer.status}`);
  }
}
