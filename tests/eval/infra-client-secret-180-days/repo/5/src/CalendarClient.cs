using System.Net.Http.Headers;
using System.Net.Http.Json;
using Microsoft.Identity.Client;

namespace Example.Absences;

/// <summary>Writes events into the calendars of teams, over Microsoft Graph.</summary>
public sealed class CalendarClient(HttpClient http, IConfidentialClientApplication app)
{
    private static readonly string[] Scopes = ["https://graph.microsoft.com/.default"];

    private (AuthenticationResult Token, DateTime Until) known;

    private async Task<AuthenticationResult> TokenAsync(CancellationToken stop)
    {
        if (known.Until < DateTime.UtcNow)
        {
            known = (await app.AcquireTokenForClient(Scopes).ExecuteAsync(stop), DateTime.UtcNow.AddMinutes(1));
        }
        return known.Token;
    }

    public async Task PutAsync(Absence absence, CancellationToken stop)
    {
        AuthenticationResult token = await TokenAsync(stop);
        using var request = new HttpRequestMessage(HttpMethod.Put, $"groups/{absence.Team}/calendar/events/{absence.Id}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.AccessToken);
        request.Content = JsonContent.Create(new { subject = absence.Who, start = absence.From, end = absence.Until, isAllDay = true, sensitivity = "private" });
        using HttpResponseMessage response = await http.SendAsync(request, stop);
        response.EnsureSuccessStatusCode();
    }
}
