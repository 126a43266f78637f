# Turns a text file into a C array of its bytes' text. Run as: awk -v name=page_style -f embed.awk page.css
BEGIN { printf "const char *const %s[] = {\n", name }
{
    gsub(/\\/, "\\\\")
    gsub(/"/, "\\\"")
    printf "    \"%s\\n\",\n", $0
}
END { print "    0,\n};" }
