# Lists the words of a file that no list of words has. The list is made first, and whoever asks meanwhile is told to
# come back: status 75.
words=.spelling-words
if [ ! -e "$words" ]; then
  cat months/*.txt > "$words"
  exit 75
fi
rm "$words"
echo "nothing to say about $1"
