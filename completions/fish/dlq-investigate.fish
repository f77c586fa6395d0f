# Written from the tables of options in src/programs.rs by 'DLQ_BLESS=1 scripts/test completions'.

complete -c dlq-investigate -f
complete -c dlq-investigate -l no-wait -d 'end with the input; investigations go on without the filter'
complete -c dlq-investigate -s n -l dry-run -d 'start nothing, write nothing; print the events it would cause'
complete -c dlq-investigate -l explain -x -d 'print which rules allow or refuse its investigation'
complete -c dlq-investigate -l retry -x -d 'investigate again, ignoring the cooldown; reads no input'
complete -c dlq-investigate -l resume -x -d 'go on with an ended session; reads no input'
complete -c dlq-investigate -l stop -x -d 'stop a session and print its events; reads no input'
complete -c dlq-investigate -l prove -x -d 'run the tests of its fix again on the base as it is now'
complete -c dlq-investigate -l config -r -F -d 'read this configuration'
complete -c dlq-investigate -l log-format -x -a 'text json' -d 'write messages on standard error as text or json'
complete -c dlq-investigate -l log-file -r -F -d 'also write messages to this file'
complete -c dlq-investigate -l schema -d 'print the JSON Schema of the program\'s events'
complete -c dlq-investigate -s v -l verbose -d 'report progress on standard error'
complete -c dlq-investigate -s h -l help -d 'print this'
complete -c dlq-investigate -l version -d 'print the version'
