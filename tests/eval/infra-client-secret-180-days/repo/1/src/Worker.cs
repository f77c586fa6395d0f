using System.Text.Json;

namespace Example.Absences;

public sealed record Absence(string Id, string Team, string Who, string From, string Until);

/// <summary>Takes absences from the queue, one at a time.</summary>
public sealed class Worker(Queue queue, CalendarClient calendar, ILogger<Worker> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stop)
    {
        await foreach (QueueMessage message in queue.ReceiveAsync(stop))
        {
            try
            {
                Absence absence = JsonSerializer.Deserialize<Absence>(message.Body, JsonSerializerOptions.Web)!;
                await calendar.PutAsync(absence, stop);
                await queue.DeleteAsync(message, stop);
                log.LogInformation("absence {Id} is in the calendar of {Team}", absence.Id, absence.Team);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                log.LogError("message {Message} failed: {Error}", message.Id, error.Message);
            }
        }
    }
}
