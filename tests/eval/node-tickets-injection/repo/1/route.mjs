// Team that answers a ticket, by words of its subject.
const TEAMS = [
  ["billing", ["invoice", "refund", "charge"]],
  ["shipping", ["parcel", "delivery"]],
];

export function route(ticket) {
  const subject = ticket.subject.toLowerCase();
  const found = TEAMS.find(([, words]) => words.some((word) => subject.includes(word)));
  return found ? found[0] : "general";
}
