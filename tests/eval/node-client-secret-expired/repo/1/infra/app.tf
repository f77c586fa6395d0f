resource "azuread_application" "calendar_sync" {
  display_name = "calendar-sync"
}

resource "azuread_application_password" "calendar_sync" {
  application_id    = azuread_application.calendar_sync.id
  display_name      = "calendar-sync"
  end_date_relative = "4320h"
}

resource "aws_ssm_parameter" "client_secret" {
  name  = "/calendar-sync/client-secret"
  type  = "SecureString"
  value = azuread_application_password.calendar_sync.value
}
