resource "azuread_application" "absences" {
  display_name = "absence-calendar"

  required_resource_access {
    resource_app_id = "00000003-0000-0000-c000-000000000000" # Microsoft Graph

    resource_access {
      id   = "ef54d2bf-783f-4e0f-bca1-3210c0444d99" # Calendars.ReadWrite
      type = "Role"
    }
  }
}

resource "azuread_service_principal" "absences" {
  client_id = azuread_application.absences.client_id
}

resource "azuread_application_password" "absences" {
  application_id    = azuread_application.absences.id
  display_name      = "absence-calendar"
  end_date_relative = "4320h"
}
