package org.apache.nifi.processors.script;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.search.SearchContext;
import org.apache.nifi.search.SearchResult;

/** Finds the lines of a script that hold the term of NiFi's search box. */
final class ScriptSearch {

    private ScriptSearch() {
    }

    static Collection<SearchResult> search(final SearchContext context, final ComponentLog logger) {
        final String file = context.getProperty(ExecuteScript.SCRIPT_FILE).evaluateAttributeExpressions().getValue();
        String text = context.getProperty(ExecuteScript.SCRIPT_BODY).getValue();
        if (file != null) {
            try {
                text = Script.ofFile(file).read();
            } catch (final IOException e) {
                logger.warn("{}", e.getMessage());
            }
        }
        if (text == null) {
            return List.of();
        }
        final String term = context.getSearchTerm().toLowerCase(Locale.ROOT);
        final Collection<SearchResult> results = new ArrayList<>();
        int number = 0;
        for (final String line : text.lines().toList()) {
            number++;
            if (line.toLowerCase(Locale.ROOT).contains(term)) {
                results.add(new SearchResult.Builder()
                        .label("Matched script at line %d: %s".formatted(number, line))
                        .match(context.getSearchTerm())
                        .build());
            }
        }
        return results;
    }
}
