# Written from the tables of options in src/programs.rs by 'DLQ_BLESS=1 scripts/test completions'.

complete -c dlq-say -f
complete -c dlq-say -l channel -x -d 'use the settings of this channel of type speech'
complete -c dlq-say -l sound -x -a 'alarm relief ours others celebration none' -d 'play this sound first'
complete -c dlq-say -l test -d 'say one sentence by each voice, and print the result of each'
complete -c dlq-say -s n -l dry-run -d 'say nothing; print what would be said, and how'
complete -c dlq-say -l config -r -F -d 'read this configuration'
complete -c dlq-say -l log-format -x -a 'text json' -d 'write messages on standard error as text or json'
complete -c dlq-say -l log-file -r -F -d 'also write messages to this file'
complete -c dlq-say -l schema -d 'print the JSON Schema of the program\'s events'
complete -c dlq-say -s v -l verbose -d 'report progress on standard error'
complete -c dlq-say -s h -l help -d 'print this'
complete -c dlq-say -l version -d 'print the version'
