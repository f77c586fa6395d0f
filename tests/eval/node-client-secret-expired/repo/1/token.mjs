// Token for Microsoft Graph, by the client credentials of our app registration.
export async function token(env = process.env, fetcher = fetch) {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: env.GRAPH_CLIENT_ID,
    client_secret: env.GRAPH_CLIENT_SECRET,
    scope: "https://graph.microsoft.com/.default",
  });
  const answer = await fetcher(`https://login.microsoftonline.com/${env.GRAPH_TENANT}/oauth2/v2.0/token`, {
    method: "POST",
    body,
  });
  const said = await answer.json();
  if (!answer.ok) {
    throw new Error(`${said.error}: ${said.error_description}`);
  }
  return said.access_token;
}
