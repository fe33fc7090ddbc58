# Each month has its days.
expect() {
  if ! grep -q "has $2 days" "months/$1.txt"; then
    echo "$1 should have $2 days"
    status=1
  fi
}
status=0
expect 01-january 31
expect 02-february 28
expect 03-march 31
exit $status
