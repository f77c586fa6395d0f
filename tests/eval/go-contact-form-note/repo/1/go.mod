module example.com/contact-tickets

go 1.22
