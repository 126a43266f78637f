# Turns a text file into a C array of its lines, ending with a null pointer.
# Run as: awk -v name=page_style -f embed.awk page.css
# Question marks are escaped because of trigraphs.
BEGIN { printf "extern const char *const %s[];\nconst char *const %s[] = {\n", name, name }
{
    gsub(/[?"\\]/, "\\\\&")
    printf "    \"%s\\n\",\n", $0
}
END { print "    0,\n};" }
