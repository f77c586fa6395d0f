# Written from the tables of options in src/programs.rs by 'DLQ_BLESS=1 scripts/test completions'.

complete -c dlq-prs -f
complete -c dlq-prs -l once -d 'make one look, and end; reads no input'
complete -c dlq-prs -l follow -d 'make look after look; reads no input'
complete -c dlq-prs -l interval -x -d 'look this often'
complete -c dlq-prs -l open -x -d 'open the pull request of this session, also after a refusal'
complete -c dlq-prs -l open-due -d 'open those that are due, as the stream does, and end'
complete -c dlq-prs -s n -l dry-run -d 'write and open nothing; print what would be opened'
complete -c dlq-prs -l config -r -F -d 'read this configuration'
complete -c dlq-prs -l log-format -x -a 'text json' -d 'write messages on standard error as text or json'
complete -c dlq-prs -l log-file -r -F -d 'also write messages to this file'
complete -c dlq-prs -l schema -d 'print the JSON Schema of the program\'s events'
complete -c dlq-prs -s v -l verbose -d 'report progress on standard error'
complete -c dlq-prs -s h -l help -d 'print this'
complete -c dlq-prs -l version -d 'print the version'
