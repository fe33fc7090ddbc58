# No line is longer than 60 characters.
if grep -rn '.\{61\}' months index.txt; then
  exit 1
fi
