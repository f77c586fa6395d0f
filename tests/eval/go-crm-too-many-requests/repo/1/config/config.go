// Package config reads deploy/config.json.
package config

import (
	"encoding/json"
	"os"
)

// Config is the configuration of the program.
type Config struct {
	Queue     string `json:"queue"`
	CRM       string `json:"crm"`
	Workers   int    `json:"workers"`
	TimeoutMS int    `json:"timeout_ms"`
}

// Read reads the file.
func Read(path string) (Config, error) {
	var conf Config
	text, err := os.ReadFile(path)
	if err != nil {
		return conf, err
	}
	return conf, json.Unmarshal(text, &conf)
}
