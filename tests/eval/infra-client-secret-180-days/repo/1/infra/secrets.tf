# The task reads the secret when it starts.
resource "aws_secretsmanager_secret" "graph" {
  name = "absence-calendar/graph"
}

resource "aws_secretsmanager_secret_version" "graph" {
  secret_id     = aws_secretsmanager_secret.graph.id
  secret_string = azuread_application_password.absences.value
}
