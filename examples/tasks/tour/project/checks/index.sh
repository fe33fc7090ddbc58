# The index names each month that has a file, in order, and no other.
listed=$(cat index.txt)
there=$(ls months | sed 's/\.txt$//')
if [ "$listed" = "$there" ]; then
  echo "the index is complete"
else
  echo "the index names" $listed
  echo "but there is" $there
  exit 1
fi
