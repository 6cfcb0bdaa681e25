# The headers' plain comments as Doxygen's: what stands at a file's top is about the file, a comment
# on lines of its own about what follows, one behind code, and its lines below, about what is before.
# Text indented by more than a space is shown as it stands.
BEGIN { top = 1; print "/// @file" }
/^[ \t]*\/\/ -+$/ { print ""; next }
/^[ \t]*\/\// {
  at = index($0, "//")
  sub(/\/\/ ?/, behind && at > 24 ? "///< " : "/// ")
  if (!(behind && at > 24)) behind = 0
  shown = $0 ~ /\/\/\/ (  +)[^ ]/
  if (shown && !was_shown) print substr($0, 1, at - 1) "///"
  if (shown) sub(/\/\/\/ /, "///      ")
  was_shown = shown
  print
  next
}
{
  if (top) { top = 0; print "" }
  behind = was_shown = 0
  # No string of a header has slashes in it.
  if ($0 ~ /[;,{][ \t]*\/\/ /) { sub(/\/\/ /, "///< "); behind = 1 }
  print
}
