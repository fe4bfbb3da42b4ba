// Checks an exported ledger with golang.org/x/mod/sumdb/tlog and note, which know nothing of Signet. All that is
// done here is to find the files: tlog-tiles leaves the tile's height out of the path that tlog uses.
//
//	tlog_verifier DIRECTORY VERIFIER-KEY [OLDER-DIRECTORY]
//
// Prints the number of records whose inclusion was proved, or what is wrong (status 1).
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type directory string

func (d directory) Height() int { return height }

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(d.path(tile))
		if err != nil && tile.W < 1<<height { // a full tile may have taken its place
			full := tile
			full.W = 1 << height
			data, err = os.ReadFile(d.path(full))
			if err == nil {
				data = data[:tile.W*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// tlog says tile/8/LEVEL/INDEX; tlog-tiles says tile/LEVEL/INDEX, and calls level -1 "entries" instead of "data".
func (d directory) path(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	return filepath.Join(string(d), "tile", strings.Replace(path, "data/", "entries/", 1))
}

func (d directory) head(key string) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tree, err
	}
	text, err := os.ReadFile(filepath.Join(string(d), "checkpoint"))
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, errors.New("the note is no checkpoint of this log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || copy(tree.Hash[:], root) != tlog.HashSize {
		return tree, errors.New("the root is no hash")
	}
	return tree, nil
}

func (d directory) entries(tree tlog.Tree) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n*(1<<height) < tree.N; n++ {
		tile := tlog.Tile{H: height, L: -1, N: n, W: 1 << height}
		if rest := tree.N - n*(1<<height); rest < 1<<height {
			tile.W = int(rest)
		}
		bundle, err := os.ReadFile(d.path(tile))
		if err != nil {
			return nil, err
		}
		for len(bundle) >= 2 {
			size := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+size {
				return nil, errors.New("a bundle is cut short")
			}
			all = append(all, bundle[2:2+size])
			bundle = bundle[2+size:]
		}
	}
	if int64(len(all)) != tree.N {
		return nil, fmt.Errorf("%d entries, and the checkpoint says %d", len(all), tree.N)
	}
	return all, nil
}

func check(d directory, key string, older directory) (int64, error) {
	tree, err := d.head(key)
	if err != nil {
		return 0, err
	}
	hashes := tlog.TileHashReader(tree, d)
	if root, err := tlog.TreeHash(tree.N, hashes); err != nil || root != tree.Hash {
		return 0, fmt.Errorf("the tiles do not give the root: %v", err)
	}
	entries, err := d.entries(tree)
	if err != nil {
		return 0, err
	}
	for index, entry := range entries {
		proof, err := tlog.ProveRecord(tree.N, int64(index), hashes)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)); err != nil {
			return 0, fmt.Errorf("record %d: %w", index+1, err)
		}
		if !bytes.Contains(entry, []byte(fmt.Sprintf(`"sequence":%d,`, index+1))) {
			return 0, fmt.Errorf("record %d is not where it says", index+1)
		}
	}
	if older == "" {
		return tree.N, nil
	}
	before, err := older.head(key)
	if err != nil {
		return 0, err
	}
	proof, err := tlog.ProveTree(tree.N, before.N, hashes)
	if err != nil {
		return 0, err
	}
	return tree.N, tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash)
}

func main() {
	if len(os.Args) != 3 && len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: tlog_verifier DIRECTORY VERIFIER-KEY [OLDER-DIRECTORY]")
		os.Exit(2)
	}
	older := directory("")
	if len(os.Args) == 4 {
		older = directory(os.Args[3])
	}
	proved, err := check(directory(os.Args[1]), os.Args[2], older)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(proved)
}
