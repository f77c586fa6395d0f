# Written from the tables of options in src/programs.rs by 'DLQ_BLESS=1 scripts/test completions'.

complete -c dlq-metrics -f
complete -c dlq-metrics -l textfile -x -d 'write them to this file, whole'
complete -c dlq-metrics -l listen -x -d 'serve /metrics, /healthz and /readyz at this address'
complete -c dlq-metrics -l emf -d 'print lines for CloudWatch in place of the events that are passed'
complete -c dlq-metrics -l once -d 'give them away once, and end; reads no input'
complete -c dlq-metrics -s n -l dry-run -d 'write nothing; print them as they are now'
complete -c dlq-metrics -l config -r -F -d 'read this configuration'
complete -c dlq-metrics -l log-format -x -a 'text json' -d 'write messages on standard error as text or json'
complete -c dlq-metrics -l log-file -r -F -d 'also write messages to this file'
complete -c dlq-metrics -l schema -d 'print the JSON Schema of the program\'s events'
complete -c dlq-metrics -s v -l verbose -d 'report progress on standard error'
complete -c dlq-metrics -s h -l help -d 'print this'
complete -c dlq-metrics -l version -d 'print the version'
